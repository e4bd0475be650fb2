import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished } from 'vitest';
import { isLiveFileHeld } from '../../src/platform/live-file.ts';
import { isAlive } from '../../src/platform/process-id.ts';
import { readHolder } from '../../src/runner/role/lock.ts';
import { lockBaseOf } from '../../src/runner/role/state-file.ts';
import { readRunnerStatus } from '../../src/runner/role/status.ts';
import { ask } from '../helpers/ask.ts';
import { built } from '../helpers/built.ts';
import { findFreePort } from '../helpers/free-port.ts';
import { itOnWindows } from '../helpers/on-windows.ts';
import { plainEnv } from '../helpers/run.ts';
import { launchRunner, startRunner } from '../helpers/runner.ts';
import { makeTemp, writeTree } from '../helpers/temp.ts';
import { until } from '../helpers/wait.ts';

const LONG = { timeout: 120_000 };

const listLiveFiles = (stateFile: string) =>
  readdirSync(dirname(stateFile)).filter((name) => name.startsWith(`${basename(lockBaseOf(stateFile))}.live-`));

itOnWindows('a runner keeps a file open while it lives; the kernel frees the lock at its end', LONG, async () => {
  const first = await startRunner({ strategy: 'auto' });
  const { stateFile } = first;
  const holder = readHolder(lockBaseOf(stateFile));
  expect(holder).toMatchObject({ process: { pid: first.pid }, generation: 1 });
  if (holder === undefined) return;
  expect(isAlive(holder.process)).toBe(true);
  expect(isAlive({ ...holder.process, started: `${holder.process.started.slice(0, -1)}x` })).toBe(false);
  expect(readRunnerStatus({ stateFile }).isRunning).toBe(true);
  expect(first.state().distprint.decision).toMatchObject({ strategy: 'none', supervisor: 'unknown' });

  const second = launchRunner({ stateFile });
  expect(await second.ended).toBe(1);
  expect(second.stderr()).toContain(`another runner holds ${lockBaseOf(stateFile)}: process ${first.pid}`);

  process.kill(first.pid, 'SIGKILL');
  await first.ended;
  expect(isLiveFileHeld(holder.process.started)).toBe(false);
  expect(readRunnerStatus({ stateFile }).isRunning).toBe(false);
  const heir = await startRunner({ stateFile });
  expect(heir.state().distprint.generation).toBe(2);
  expect(listLiveFiles(stateFile)).toHaveLength(1);
});

itOnWindows('of those that claim at the same moment, one gets the lock', LONG, async () => {
  const { stateFile, pid, ended } = await startRunner();
  process.kill(pid, 'SIGKILL');
  await ended;
  const claimants = Array.from({ length: 4 }, () => launchRunner({ stateFile }));
  const isReady = ({ said }: (typeof claimants)[number]) => said.some(({ ready }) => ready !== undefined);
  await until(
    'three to be refused',
    () => (claimants.filter((each) => !each.isAlive()).length === 3 ? true : undefined),
    10,
    60_000,
  );
  const winner = await until('the fourth to be ready', () => claimants.find(isReady), 10, 60_000);
  for (const each of claimants.filter((other) => other !== winner)) {
    expect(await each.ended).toBe(1);
    expect(each.stderr()).toContain('another runner holds');
  }
  expect(readHolder(lockBaseOf(stateFile))).toMatchObject({ process: { pid: winner.pid }, generation: 2 });
});

itOnWindows('exec, where it is asked for, is none with the reason: there process.execve throws', LONG, async () => {
  const { state } = await startRunner({ strategy: 'exec' });
  const { strategy, reasons, advice } = state().distprint.decision;
  expect(strategy).toBe('none');
  expect(reasons).toContain('Windows can not replace the code of a process in place');
  expect(advice).toContain('docs/windows.md');
});

itOnWindows('exit, where it is asked for: a service manager starts the new code', LONG, async () => {
  const runner = await startRunner({ strategy: 'exit' });
  const { stateFile, root } = runner;
  runner.upgrade('2.0.0');
  expect(await runner.ended).toBe(75);
  expect(runner.said.some(({ host }) => host === 'releases')).toBe(true);
  expect(readRunnerStatus({ stateFile }).isRunning).toBe(false);
  const next = await startRunner({ strategy: 'exit', stateFile }, { root });
  expect(next.state().distprint).toMatchObject({ generation: 2, version: '2.0.0' });
});

itOnWindows('respawn, where it is asked for: a replacement serves, and the old process leaves', LONG, async () => {
  const runner = await startRunner({ strategy: 'respawn' });
  const { stateFile } = runner;
  runner.upgrade('2.0.0');
  expect(await runner.ended).toBe(0);
  const heir = runner.said.findLast(({ ready }) => ready !== undefined);
  expect(heir).toMatchObject({ generation: 2, isHandedOver: true });
  expect(heir?.ready).not.toBe(runner.pid);
  expect(runner.said.findLast(({ release }) => release !== undefined)).toEqual({ release: '2.0.0' });
  const { isRunning, holder } = readRunnerStatus({ stateFile });
  expect({ isRunning, pid: holder?.process.pid }).toEqual({ isRunning: true, pid: heir?.ready });
});

itOnWindows('a replacement that is late ends, and the old process serves on', LONG, async () => {
  const runner = await startRunner({ strategy: 'respawn', readyTimeoutMs: 4_000 });
  runner.upgrade('2.0.0-hangs');
  await until('the failure', () => runner.logs().find((line) => /hand-off to .* failed/.test(line)), 10, 60_000);
  const { isRunning, holder } = readRunnerStatus(runner);
  expect({ isRunning, pid: holder?.process.pid }).toEqual({ isRunning: true, pid: runner.pid });
  expect(listLiveFiles(runner.stateFile)).toHaveLength(1);
});

/** Serves its version. At SIGTERM it says so, and ends. */
const SERVER = `
import { createServer } from 'node:http';
import { writeSync } from 'node:fs';
import release from './release.js';
import { claimRunner } from ${JSON.stringify(built('runner/index.js'))};
const { port, ...options } = JSON.parse(process.env.RUNNER);
const say = (what) => writeSync(1, JSON.stringify(what) + '\\n');
const runner = await claimRunner({ ...options, log: (log) => say({ log }) });
process.once('SIGTERM', () => {
  say({ asked: release });
  process.exit(0);
});
if (release.endsWith('-late')) await new Promise((resolve) => setTimeout(resolve, 60_000));
await runner.listen(createServer((_, response) => response.end(release)), { host: '127.0.0.1', port });
await runner.ready();
say({ ready: process.pid });
`;

async function startServer(options: object = {}) {
  const root = makeTemp();
  const install = (version: string) =>
    writeTree(root, {
      'package.json': { name: 'daemon', version, type: 'module', bin: 'dist/main.js' },
      'dist/main.js': SERVER,
      'dist/release.js': `export default '${version}';`,
    });
  install('1.0.0');
  const port = await findFreePort();
  const stateFile = join(makeTemp(), 'state/runner.state.json');
  const setup = { strategy: 'respawn', intervalMs: 30, settleMs: 100, proveMs: 100, stateFile, port, ...options };
  const child = spawn(process.execPath, [join(root, 'dist/main.js')], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...plainEnv, RUNNER: JSON.stringify(setup) },
  });
  const ended = once(child, 'exit');
  const said: { ready?: number; asked?: string; log?: string }[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => said.push(JSON.parse(line)));
  onTestFinished(async () => {
    for (const { ready } of said) if (ready !== undefined && ready !== child.pid) kill(ready);
    child.kill();
    await ended;
  });
  await until('the server', () => said.find(({ ready }) => ready !== undefined));
  return { root, install, port, said, stateFile, pid: child.pid as number, ended };
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended
  }
}

itOnWindows('respawn passes no socket on: the port is silent until the replacement listens', LONG, async () => {
  const { install, port, ended } = await startServer();
  const answers: { version: string; fromMs: number; untilMs: number }[] = [];
  let isOver = false;
  const asking = (async () => {
    while (!isOver) {
      const fromMs = performance.now();
      const version = await ask(port);
      if (version !== undefined) answers.push({ version, fromMs, untilMs: performance.now() });
    }
  })();
  install('2.0.0');
  expect((await ended)[0]).toBe(0);
  await until('the new code', () => answers.find(({ version }) => version === '2.0.0'));
  isOver = true;
  await asking;
  const versions = answers.map(({ version }) => version);
  expect(versions.lastIndexOf('1.0.0')).toBeLessThan(versions.indexOf('2.0.0'));
  const gaps = answers.slice(1).map(({ untilMs }, i) => untilMs - (answers[i]?.untilMs ?? 0));
  process.stderr.write(
    `the longest silence of the port: ${Math.round(Math.max(...gaps))} ms, of ${answers.length} answers\n`,
  );
  expect(Math.max(...gaps)).toBeLessThan(5_000); // no time-out of a start
});

itOnWindows('a replacement that failed is asked to end before it is killed', LONG, async () => {
  const { install, port, said, stateFile, pid } = await startServer({ readyTimeoutMs: 4_000 });
  install('2.0.0-late');
  await until('the question', () => said.find(({ asked }) => asked !== undefined), 10, 60_000);
  expect(said.find(({ asked }) => asked !== undefined)).toEqual({ asked: '2.0.0-late' });
  await until('the failure', () => said.find(({ log }) => /hand-off to .* failed/.test(log ?? '')));
  expect(await ask(port)).toBe('1.0.0');
  expect(readRunnerStatus({ stateFile }).holder?.process.pid).toBe(pid);
});

itOnWindows('a rehearsal that hears nothing is killed, with what it started', LONG, async () => {
  const { install, port, said, root } = await startServer({ readyTimeoutMs: 2_000 });
  const pids = join(root, '..', `${basename(root)}.pids`);
  install('2.0.0');
  writeTree(root, { 'dist/release.js': toDeaf(pids) });
  await until('the failure', () => said.find(({ log }) => /hand-off to .* failed/.test(log ?? '')), 10, 60_000);
  const [rehearsal = 0, child = 0] = JSON.parse(readFileSync(pids, 'utf8')) as number[];
  for (const pid of [rehearsal, child]) {
    expect(pid).toBeGreaterThan(0);
    await until(`the end of ${pid}`, () => (isThere(pid) ? undefined : true));
  }
  expect(await ask(port)).toBe('1.0.0');
});

/** A release that starts a child, writes both PIDs, and then blocks its thread before its claim. */
const toDeaf = (file: string) => `
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
const { pid } = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
writeFileSync(${JSON.stringify(file)}, JSON.stringify([process.pid, pid]));
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
export default '2.0.0';
`;

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
