import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { buildManifestSync } from '../../src/manifest/build.ts';
import { makeRunnerPackage, startRunner } from '../helpers/runner.ts';
import { makeTemp } from '../helpers/temp.ts';
import { sleep, until } from '../helpers/wait.ts';

/** No heartbeat comes by itself. */
const intervalMs = 3_600_000;

it('finds what was installed without waiting for a heartbeat', async () => {
  const runner = await startRunner({ intervalMs });
  for (const version of ['2.0.0', '3.0.0', '4.0.0']) {
    runner.upgrade(version);
    const { fingerprint } = buildManifestSync(runner.root);
    await until(version, () => runner.state().distprint.heldBack?.target === fingerprint || undefined);
    expect(runner.state().distprint).toMatchObject({ verdict: 'changed', heldBack: { gate: 'strategy' } });
  }
});

it('moves to it, and the new code is woken too', async () => {
  const runner = await startRunner({ intervalMs, strategy: 'respawn' });
  for (const release of ['2.0.0', '3.0.0']) {
    runner.upgrade(release);
    await until(`release ${release}`, () => runner.said.find((line) => line.release === release));
    await until('its proof', () => (runner.state().distprint.handingOff === null ? true : undefined));
  }
});

it('waits for the idle gate as it does at any heartbeat, however often it is woken', async () => {
  const runner = await startRunner({ intervalMs, strategy: 'respawn', host: 'busy' });
  runner.upgrade('2.0.0');
  await until('the gate', () => (runner.state().distprint.heldBack?.gate === 'idle' ? true : undefined));
  const { postponedSinceMs } = runner.state().distprint;
  for (let i = 0; i < 10; i++) {
    writeFileSync(join(runner.root, 'dist/release.js'), "export default '2.0.0';"); // the same bytes
    await sleep(60);
  }
  await until('the gate again', () => (runner.state().distprint.verdict === 'changed' ? true : undefined));
  expect(runner.state().distprint).toMatchObject({ postponedSinceMs, handOffs: [], heldBack: { gate: 'idle' } });
  expect(runner.said.some(({ host }) => host === 'releases')).toBe(false);
});

it('is not woken for ever by its own state, where that lies among the files that it watches', async () => {
  const root = makeRunnerPackage(makeTemp());
  const stateFile = join(root, 'dist/own.state.json');
  const runner = await startRunner({ intervalMs, stateFile, exclude: ['dist/own.*'] }, { root });
  const seen = new Set<string>();
  const deadlineMs = performance.now() + 4_000;
  while (performance.now() < deadlineMs) {
    seen.add(runner.state().lastHeartbeat as string);
    await sleep(5);
  }
  expect(seen.size).toBeGreaterThan(1);
  expect(seen.size).toBeLessThan(20); // once every 50 ms would be 80
  expect(runner.state().distprint.verdict).toBe('current');
  runner.upgrade('2.0.0');
  await until('2.0.0', () => runner.logs().some((line) => line.startsWith('2.0.0 (')) || undefined);
});

it('is not woken where the operator opted out', async () => {
  const runner = await startRunner({ intervalMs }, { env: { DISTPRINT_DISABLE_HANDOFF: '1' } });
  const { lastHeartbeat } = runner.state();
  runner.upgrade('2.0.0');
  await sleep(500);
  expect(runner.state().lastHeartbeat).toBe(lastHeartbeat);
});
