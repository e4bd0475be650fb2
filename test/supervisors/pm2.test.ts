import { afterAll, beforeAll, describe } from 'vitest';
import { fetchPm2 } from '../e2e/tools.ts';
import { PM2_CELLS } from './cells.ts';
import { asApp, type Pm2, startPm2 } from './pm2.ts';
import { hasAll, runCells } from './run-cell.ts';

const program = fetchPm2();

describe.skipIf(program === undefined || !hasAll('rsync'))('under pm2', () => {
  let pm2: Pm2 | undefined;
  beforeAll(async () => {
    pm2 = await startPm2(program as string);
  });
  afterAll(() => pm2?.end());

  runCells(PM2_CELLS, () => (cell) => asApp(pm2 as Pm2, cell));
});
