import { describe } from 'vitest';
import { RUNIT_CELLS, S6_CELLS } from './cells.ts';
import { hasAll, runCells } from './run-cell.ts';
import { asRunitService, asS6Service } from './run-scripts.ts';

describe.skipIf(!hasAll('runsv', 'sv', 'rsync'))('under runit', () => {
  runCells(RUNIT_CELLS, () => asRunitService);
});

describe.skipIf(!hasAll('s6-supervise', 's6-svc', 's6-svstat', 'rsync'))('under s6', () => {
  runCells(S6_CELLS, () => asS6Service);
});
