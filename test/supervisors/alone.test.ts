import { describe } from 'vitest';
import { CONTAINER_CELLS, DETACHED_CELLS } from './cells.ts';
import { asContainer } from './container.ts';
import { asDaemon } from './detached.ts';
import { hasAll, isRootHere, runCells } from './run-cell.ts';

describe.skipIf(!hasAll('unshare', 'nsenter', 'rsync') || !isRootHere())('as PID 1 of a container', () => {
  runCells(CONTAINER_CELLS, () => asContainer);
});

describe.skipIf(!hasAll('setsid', 'rsync'))('with nobody around it', () => {
  runCells(DETACHED_CELLS, () => asDaemon);
});
