import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { nameRunner } from '../../src/runner/hand-off.ts';
import { DEFAULT_LIMITS, EMPTY_HISTORY, weighHandoff } from '../../src/runner/handoff/gate.ts';
import { fingerprintOf } from '../helpers/manifest.ts';
import { isPosix, onlyWith } from '../helpers/needs.ts';
import { launchRunner, makeRunnerPackage, startRunner } from '../helpers/runner.ts';
import { makeTemp } from '../helpers/temp.ts';
import { sleep, until } from '../helpers/wait.ts';

const onPosix = onlyWith('folders that can be renamed while they are watched', isPosix);

const SPREAD_MS = 20_000;

/** A state file whose runner waits for some 5 s before it moves to this. */
function findStateFile(target: string): string {
  const folder = makeTemp();
  for (let i = 0; ; i++) {
    const stateFile = join(folder, `${i}/runner.state.json`);
    const spread = { who: nameRunner(stateFile), spreadMs: SPREAD_MS };
    const { history } = weighHandoff(target, EMPTY_HISTORY, DEFAULT_LIMITS, spread, 0, true);
    const { waitMs } = history.turn ?? { waitMs: 0 };
    if (waitMs > 3_000 && waitMs < 6_000) return stateFile;
  }
}

const waitForTurn = (runner: Awaited<ReturnType<typeof startRunner>>) =>
  until('its turn to be known', () => {
    const { heldBack, turn } = runner.state().distprint;
    return heldBack?.gate === 'turn' ? { turn } : undefined;
  });

it('a runner waits its turn, and moves then, though no beat is due', { timeout: 60_000 }, async () => {
  const stateFile = findStateFile(fingerprintOf(makeRunnerPackage(makeTemp(), '2.0.0')));
  const runner = await startRunner({ stateFile, strategy: 'respawn', spreadMs: SPREAD_MS, intervalMs: 300_000 });
  runner.upgrade('2.0.0');
  const { turn } = await waitForTurn(runner);
  expect(await runner.ended).toBe(0);
  await until('the replacement', () => runner.said.find(({ generation }) => generation === 2));
  const { handOffs } = runner.state().distprint;
  expect(handOffs).toHaveLength(1);
  expect(handOffs[0]).toBeGreaterThanOrEqual((turn?.sinceMs ?? Infinity) + (turn?.waitMs ?? Infinity));
  expect(runner.logs().filter((line) => line.includes('waits its turn'))).toHaveLength(1);
});

onPosix('what is no release when its turn comes is looked at no sooner for it', { timeout: 60_000 }, async () => {
  const stateFile = findStateFile(fingerprintOf(makeRunnerPackage(makeTemp(), '2.0.0')));
  const runner = await startRunner({ stateFile, strategy: 'respawn', spreadMs: SPREAD_MS, intervalMs: 300_000 });
  runner.upgrade('2.0.0');
  const { turn } = await waitForTurn(runner);
  renameSync(runner.root, join(makeTemp(), 'away'));
  await until('the beat to see it', () => runner.state().distprint.verdict === 'missing' || undefined);
  const { lastHeartbeat } = runner.state();
  await sleep((turn?.sinceMs ?? 0) + (turn?.waitMs ?? 0) + 500 - Date.now());
  expect(runner.state().lastHeartbeat).toBe(lastHeartbeat);
});

it.each([-1, Number.NaN, Infinity])('a spread of %s ms is refused', async (spreadMs) => {
  const runner = launchRunner({ spreadMs: String(spreadMs) as unknown as number });
  expect(await runner.ended).toBe(1);
  expect(runner.stderr()).toContain(`spreadMs: ${spreadMs} is no time from 0 to`);
});
