/** A touch between a runner's start and its claim: its files are younger than the process, and have the content that it loaded. */

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type OwnState, readRunnerStatus } from '../../src/runner/index.ts';
import { built } from '../helpers/built.ts';
import { plainEnv } from '../helpers/run.ts';
import { makeTemp, writeTree } from '../helpers/temp.ts';
import { until } from '../helpers/wait.ts';

const MAIN = `
import { appendFileSync, utimesSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
// A host imports it from 'distprint/runner'.
import { claimRunner } from ${JSON.stringify(built('runner/index.js'))};

const [stateFile, journal] = process.argv.slice(2);
const log = (line) => appendFileSync(journal, line + '\\n');
utimesSync(fileURLToPath(import.meta.url), new Date(), new Date());
const options = { stateFile, strategy: 'respawn', intervalMs: 30, settleMs: 100, proveMs: 100 };
const runner = await claimRunner({ ...options, log });
process.on('SIGTERM', async () => {
  await runner.stop();
  process.exit(0);
});
await runner.ready();
log('ready: ' + process.pid);
setInterval(() => {}, 1000);
`;

it('is told by what the runner before ran; the first one says why it hands off, and the breaker does not count it', async () => {
  const root = makeTemp();
  const [stateFile, journal] = [join(root, 'state/runner.state.json'), join(root, 'journal')];
  writeTree(root, { 'package.json': { name: 'host', type: 'module', bin: 'dist/main.js' }, 'dist/main.js': MAIN });
  const lines = () => (existsSync(journal) ? readFileSync(journal, 'utf8').trim().split('\n') : []);
  const start = () =>
    spawn(process.execPath, [join(root, 'dist/main.js'), stateFile, journal], {
      stdio: 'ignore',
      detached: true,
      env: plainEnv,
    });
  const own = () => readRunnerStatus({ stateFile }).state?.distprint as OwnState | undefined;
  const pid = () => readRunnerStatus({ stateFile }).holder?.process.pid as number;
  onTestFinished(() => {
    if (readRunnerStatus({ stateFile }).isRunning) process.kill(pid(), 'SIGKILL');
  });

  const first = start();
  // Nobody knows what was installed before, so the first one can't tell a touch from a release.
  await until('the hand-off', () => (first.exitCode === null ? undefined : true));
  await until('a look', () => (own()?.generation === 2 && own()?.verdict === 'current') || undefined);
  expect(lines().filter((line) => line.includes('handing off'))).toEqual([
    expect.stringMatching(/handing off \(respawn\): dist\/main\.js changed after this process started/),
  ]);
  expect(own()?.handOffs).toEqual([]);

  process.kill(pid(), 'SIGTERM');
  await until('its end', () => !readRunnerStatus({ stateFile }).isRunning || undefined);
  start();
  await until('it to look', () => (own()?.generation === 3 && own()?.ready) || undefined);
  execFileSync('touch', [join(root, 'dist/main.js')]);
  const { lastHeartbeat } = readRunnerStatus({ stateFile }).state as { lastHeartbeat: string };
  // Longer than it takes to settle.
  const after = Date.parse(lastHeartbeat) + 500;
  await until(
    'its beats',
    () => Date.parse(readRunnerStatus({ stateFile }).state?.lastHeartbeat as string) > after || undefined,
  );
  expect(own()).toMatchObject({ generation: 3, verdict: 'current', handOffs: [], tried: null });
  expect(lines().filter((line) => line.includes('handing off'))).toHaveLength(1);
});
