import { mkdirSync } from 'node:fs';
import { afterAll, beforeAll, describe } from 'vitest';
import { mountSmallDisk, unmount } from '../helpers/small-disk.ts';
import { hasAll, isRootHere } from '../supervisors/run-cell.ts';
import { asUnit, type Systemd, startSystemd } from '../supervisors/systemd.ts';
import type { Plan } from './places.ts';
import { diskOf, placesUnder, runStorms } from './storm.ts';

const plans = placesUnder(true);
const variantOf = ({ supervisor }: Plan) =>
  supervisor === 'systemd'
    ? ({ file: 'runner', restart: 'on-failure', type: 'simple' } as const)
    : ({ file: 'runner-notify', restart: 'on-failure', type: 'notify' } as const);

describe.skipIf(!(hasAll('systemctl', 'systemd-notify', 'unshare', 'nsenter') && isRootHere()))(
  'a storm under systemd',
  () => {
    let systemd: Systemd | undefined;
    beforeAll(async () => {
      for (const disk of plans.map(diskOf)) {
        mkdirSync(disk, { recursive: true });
        mountSmallDisk(disk); // before systemd has mounts of its own
      }
      systemd = await startSystemd();
    });
    afterAll(async () => {
      await systemd?.end();
      for (const disk of plans.map(diskOf)) unmount(disk);
    });
    runStorms(plans, (plan) => (cell) => asUnit(systemd as Systemd, cell, variantOf(plan)));
  },
);
