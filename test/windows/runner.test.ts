import { readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { expect } from 'vitest';
import { isLiveFileHeld } from '../../src/platform/live-file.ts';
import { isAlive } from '../../src/platform/process-id.ts';
import { readHolder } from '../../src/runner/role/lock.ts';
import { lockBaseOf } from '../../src/runner/role/state-file.ts';
import { readRunnerStatus } from '../../src/runner/role/status.ts';
import { itOnWindows } from '../helpers/on-windows.ts';
import { launchRunner, startRunner } from '../helpers/runner.ts';
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
