/** In place: on macOS nothing else shows it. On Linux test/e2e has more of it. */

import { describe, expect } from 'vitest';
import { built } from '../helpers/built.ts';
import { execNode, itWithExec } from '../helpers/exec.ts';
import { onlyWith } from '../helpers/needs.ts';
import { makeRunnerPackage, startRunner } from '../helpers/runner.ts';
import { makeTemp, writeTree } from '../helpers/temp.ts';
import { until } from '../helpers/wait.ts';

itWithExec('the process becomes the new code, with its PID', async () => {
  const runner = await startRunner({ strategy: 'exec' }, { runtime: execNode });
  runner.upgrade('2.0.0');
  const heir = await until('the new code', () => runner.said.find(({ generation }) => generation === 2));
  expect(heir).toMatchObject({ ready: runner.pid, isHandedOver: true });
  expect(runner.said.findLast(({ release }) => release !== undefined)).toEqual({ release: '2.0.0' });
  expect(runner.said.some(({ log }) => log?.includes('; took over from itself, generation 2;'))).toBe(true);
  expect(runner.isAlive()).toBe(true);
});

/** Its `release` does what STOPPED says. At SIGTERM it stops the runner, and takes a moment to end. */
const STOPPED = `
import { spawn } from 'node:child_process';
import { writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { claimRunner } from ${JSON.stringify(built('runner/index.js'))};
const say = (what) => writeSync(1, JSON.stringify(what) + '\\n');
const release = new Function('spawn', 'delay', process.env.STOPPED);
const runner = await claimRunner({
  ...JSON.parse(process.env.RUNNER),
  log: (log) => say({ log }),
  release: () => release(spawn, delay),
  resume: () => say({ host: 'resumes' }),
});
process.on('SIGTERM', async () => {
  await runner.stop();
  await delay(300);
  process.exit(3);
});
await runner.ready();
say({ ready: process.pid, generation: runner.generation });
setInterval(() => {}, 1000);
`;

/** Sends SIGTERM as soon as the process has one more child: the runtime, which is asked for its version before the exec. */
const AT_THE_CHECK = `spawn('sh', ['-c', \`while [ -e /proc/\${process.pid} ]; do
  read -r all < /proc/\${process.pid}/task/\${process.pid}/children
  case $all in *' '[0-9]*) kill -TERM \${process.pid}; exit ;; esac
done\`], { stdio: 'ignore' })`;
const AS_IT_RELEASES = "process.kill(process.pid, 'SIGTERM'); return delay(50)";

async function stop(strategy: 'exec' | 'exit', how: string, runtime?: string) {
  const root = makeRunnerPackage(makeTemp());
  writeTree(root, { 'dist/main.js': STOPPED });
  const place = { root, env: { STOPPED: how }, ...(runtime && { runtime }) };
  const runner = await startRunner({ strategy }, place);
  runner.upgrade('2.0.0');
  const end = await Promise.race([
    runner.ended,
    until('the new code', () => runner.said.find(({ generation }) => generation === 2)),
  ]);
  expect(runner.said.filter(({ host }) => host !== undefined)).toEqual([]);
  return end;
}

describe('who is asked to end in a hand-off ends, and becomes nobody', () => {
  itWithExec('before an exec, while its host releases', async () => {
    expect(await stop('exec', AS_IT_RELEASES, execNode)).toBe(3);
  });

  onlyWith('POSIX signals', process.platform !== 'win32')('before an exit, with its own status', async () => {
    expect(await stop('exit', AS_IT_RELEASES)).toBe(3);
  });

  onlyWith('Linux, which shows children', process.platform === 'linux')('while the runtime is checked', async () => {
    expect([3, 'SIGTERM']).toContain(await stop('exec', AT_THE_CHECK, execNode)); // a shell that is late finds no handler
  });
});
