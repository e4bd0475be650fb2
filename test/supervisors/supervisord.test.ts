import { afterAll, beforeAll, describe } from 'vitest';
import { SUPERVISORD_CELLS } from './cells.ts';
import { hasAll, runCells } from './run-cell.ts';
import { asProgram, type Supervisord, startSupervisord } from './supervisord.ts';

describe.skipIf(!hasAll('supervisord', 'supervisorctl', 'rsync'))('under supervisord', () => {
  let supervisord: Supervisord | undefined;
  beforeAll(async () => {
    supervisord = await startSupervisord();
  });
  afterAll(() => supervisord?.end());

  for (const autorestart of ['unexpected', 'true'] as const)
    runCells(SUPERVISORD_CELLS[autorestart], () => (cell) => asProgram(supervisord as Supervisord, cell, autorestart));
});
