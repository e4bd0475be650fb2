import { afterAll, beforeAll, describe } from 'vitest';
import { SYSTEMD_CELLS } from './cells.ts';
import { hasAll, isRootHere, runCells } from './run-cell.ts';
import { asUnit, type Systemd, startSystemd } from './systemd.ts';

const isHere = hasAll('systemctl', 'systemd-notify', 'unshare', 'nsenter', 'rsync') && isRootHere();

describe.skipIf(!isHere)('under systemd', () => {
  let systemd: Systemd | undefined;
  beforeAll(async () => {
    systemd = await startSystemd();
  });
  afterAll(() => systemd?.end());

  runCells(
    SYSTEMD_CELLS,
    ({ variant }) =>
      (cell) =>
        asUnit(systemd as Systemd, cell, variant),
  );
});
