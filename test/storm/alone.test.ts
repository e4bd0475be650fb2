import { mkdirSync } from 'node:fs';
import { afterAll, beforeAll, describe } from 'vitest';
import { mountSmallDisk, unmount } from '../helpers/small-disk.ts';
import { hasAll, isRootHere } from '../supervisors/run-cell.ts';
import { diskOf, placesUnder, runStorms } from './storm.ts';

const plans = placesUnder(false);

describe.skipIf(!(hasAll('setsid') && isRootHere()))('a storm under nobody, and in a loop', () => {
  beforeAll(() => {
    for (const disk of plans.map(diskOf)) {
      mkdirSync(disk, { recursive: true });
      mountSmallDisk(disk);
    }
  });
  afterAll(() => {
    for (const disk of plans.map(diskOf)) unmount(disk);
  });
  runStorms(plans, () => undefined);
});
