import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../helpers/wait.ts';
import { ground, makeCell, readStateOf, upgrade } from './cell.ts';
import { SYSTEMD_CELLS } from './cells.ts';
import { hasAll, isRootHere, runCells } from './run-cell.ts';
import { expectOne, serving } from './scenarios.ts';
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

  // systemd waits for no main process that was somebody else's child when it was named.
  it.skipIf(ground.runtimes['Node 20'] === undefined).concurrent(
    'a stop after a respawn leaves the runner its time: it ends by itself, and its state says so',
    async ({ onTestFinished }) => {
      const cell = await makeCell('Node 20');
      const at = await asUnit(systemd as Systemd, cell, {
        file: 'runner-notify',
        restart: 'on-failure',
        type: 'notify',
      });
      onTestFinished(() => at.stop());
      await at.start();
      await serving(cell);
      await upgrade(cell, '2.0.0');
      const { pid } = await serving(cell, '2.0.0');
      await expectOne(cell, at);
      await until(
        'it to know its supervisor',
        () => readStateOf(cell)?.distprint?.decision.supervisor === 'systemd' || undefined,
      );
      await at.stop();
      expect(readStateOf(cell)).toMatchObject({ pid, distprint: { intervalMs: null } });
    },
  );
});
