import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { writeFileAtomicSync } from '../../../src/disk/write-file.ts';
import type { ProcessId } from '../../../src/platform/process-id.ts';
import { isForeign } from '../../../src/platform/process-id.ts';
import type { RunnerState } from '../../../src/runner/index.ts';
import { readHolder } from '../../../src/runner/role/lock.ts';
import { lockBaseOf } from '../../../src/runner/role/state-file.ts';
import { readRunnerStatus } from '../../../src/runner/role/status.ts';
import { onlyWith, succeeds } from '../../helpers/needs.ts';
import { gone, me, type Written, writeRole } from '../../helpers/role.ts';
import { launchRunner, startRunner } from '../../helpers/runner.ts';
import { makePackage, makeTemp } from '../../helpers/temp.ts';
import { sleep, until } from '../../helpers/wait.ts';

const IN_A_CONTAINER = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
const itWithContainers = onlyWith('unshare --pid', succeeds(...(IN_A_CONTAINER as [string, ...string[]]), 'true'));
const itOnLinux = onlyWith('boot IDs', process.platform === 'linux');

/** The same PID, of another start of another machine. */
const stranger: ProcessId = { ...me, started: me.started.replace(/^[^/]+/, randomUUID()) };
const contained: ProcessId = { ...me, started: me.started.replace(/pid:\[\d+\]/, 'pid:[1]') };

/** Of a beat of `startRunner`, where nobody says otherwise. */
const INTERVAL_MS = 30;

const makeStateFile = () => join(makeTemp(), 'state/runner.state.json');
const beatNow = () => ({ lastHeartbeat: new Date().toISOString() });
const writeStranger = (stateFile: string, written: Written = {}) =>
  writeRole(stateFile, makePackage({ 'dist/a.js': '1' }), { holder: stranger, fields: beatNow(), ...written });

/** Beats for a runner that is not here, until the test is over. */
function beatFor(stateFile: string): { stop(): void } {
  const timer = setInterval(() => {
    const state = JSON.parse(readFileSync(stateFile, 'utf8')) as RunnerState;
    writeFileAtomicSync(stateFile, JSON.stringify({ ...state, ...beatNow() }));
  }, 100);
  return { stop: () => clearInterval(timer) };
}

itOnLinux('a process of another boot or PID namespace is foreign, and one of this world is not', () => {
  expect(
    [stranger, contained, me, gone, { pid: 1, started: '' }, { pid: 1, started: 'Mon Nov 23 1' }].map(isForeign),
  ).toEqual([true, true, false, false, false, false]);
});

describe('a state folder that two PID namespaces share', () => {
  itWithContainers('has one runner: the second start is refused, from inside and from outside', async () => {
    const first = await startRunner({ intervalMs: 200 }, { wrapper: IN_A_CONTAINER });
    const { stateFile } = first;
    const setup = { stateFile, intervalMs: 200 };
    for (const wrapper of [IN_A_CONTAINER, []]) {
      const second = launchRunner(setup, { wrapper });
      expect(await second.ended).toBe(1);
      expect(second.stderr()).toMatch(/another runner holds .*: process \d+ of another PID namespace or machine/);
      expect(second.stderr()).toContain('ERR_DISTPRINT_RUNNING');
    }
    expect(readRunnerStatus({ stateFile })).toMatchObject({ isRunning: true, problem: null });
    expect(first.isAlive()).toBe(true);
    expect(first.state().distprint).toMatchObject({ generation: 1, ready: true });
  });

  itWithContainers('is free again soon after the runner was killed', async () => {
    const first = await startRunner({ intervalMs: 200 }, { wrapper: IN_A_CONTAINER });
    process.kill(first.pid, 'SIGKILL');
    const { stateFile } = first;
    const heir = await startRunner({ stateFile, intervalMs: 200 }, { wrapper: IN_A_CONTAINER });
    expect(heir.state().distprint.generation).toBe(2);
  });

  itWithContainers(
    'is free at once, whatever the interval, where the container is started again after a crash',
    async () => {
      const first = await startRunner({ intervalMs: 600_000 }, { wrapper: IN_A_CONTAINER });
      process.kill(first.pid, 'SIGKILL');
      const { stateFile } = first;
      const heir = launchRunner({ stateFile, intervalMs: 600_000 }, { wrapper: IN_A_CONTAINER });
      await until('its start', () => heir.said.find(({ ready }) => ready !== undefined));
      expect(heir.state().distprint.generation).toBe(2);
      expect(heir.logs().join()).not.toContain('waiting');
    },
  );

  itWithContainers('whose runner lives is refused at once, whatever the interval', async () => {
    const first = await startRunner({ intervalMs: 600_000 }, { wrapper: IN_A_CONTAINER });
    const second = launchRunner({ stateFile: first.stateFile }, { wrapper: IN_A_CONTAINER });
    expect(await second.ended).toBe(1);
    expect(second.stderr()).toContain('ERR_DISTPRINT_RUNNING');
    expect(second.stderr()).not.toContain('waiting');
  });
});

describe('a lock of another machine', () => {
  itOnLinux('whose runner beats on is held: a start is refused', async () => {
    const stateFile = makeStateFile();
    writeStranger(stateFile);
    const beating = beatFor(stateFile);
    const runner = launchRunner({ stateFile });
    expect(await runner.ended).toBe(1);
    beating.stop();
    expect(runner.stderr()).toContain(`process ${stranger.pid} of another PID namespace or machine, generation 1`);
    expect(readHolder(lockBaseOf(stateFile))).toEqual({ process: stranger, generation: 1 });
  });

  itOnLinux('whose runner was stopped is free at once', async () => {
    const stateFile = makeStateFile();
    writeStranger(stateFile, { own: { intervalMs: null } });
    const runner = await startRunner({ stateFile });
    expect(runner.logs()).toEqual([]);
    expect(runner.state().distprint.generation).toBe(2);
  });

  itOnLinux('that beats no more is free after some intervals, though its clock was ahead', async () => {
    const stateFile = makeStateFile();
    const fields = { lastHeartbeat: new Date(Date.now() + 3_600_000).toISOString() };
    writeStranger(stateFile, { own: { intervalMs: 200 }, fields });
    const runner = await startRunner({ stateFile });
    expect(runner.logs()).toEqual([expect.stringContaining('waiting for its next heartbeat, up to 1 s')]);
    expect(runner.state().distprint.generation).toBe(2);
  });

  itOnLinux('counts while its heartbeat is fresh, and no longer', () => {
    const stateFile = makeStateFile();
    writeStranger(stateFile);
    expect(readRunnerStatus({ stateFile }).isRunning).toBe(true);
    writeStranger(stateFile, { fields: { lastHeartbeat: new Date(Date.now() - 31_000).toISOString() } });
    expect(readRunnerStatus({ stateFile }).isRunning).toBe(false);
  });

  itOnLinux(
    'that took the lock, and does not serve yet: the runner serves on, and leaves the state to it',
    async () => {
      const runner = await startRunner();
      const elsewhere = makeStateFile();
      writeStranger(elsewhere, { generation: 7 });
      renameSync(`${lockBaseOf(elsewhere)}.7`, `${lockBaseOf(runner.stateFile)}.7`);
      await until('the log', () => runner.logs().find((each) => each.includes('does not serve yet')));
      const state = readFileSync(runner.stateFile, 'utf8');
      await sleep(10 * INTERVAL_MS);
      expect(readFileSync(runner.stateFile, 'utf8')).toBe(state);
      expect(runner.isAlive()).toBe(true);
    },
  );

  itOnLinux('that takes the role over: the runner says who has it, and leaves', async () => {
    const runner = await startRunner();
    const elsewhere = makeStateFile();
    writeStranger(elsewhere, { generation: 7 });
    const state = readFileSync(elsewhere, 'utf8');
    renameSync(`${lockBaseOf(elsewhere)}.7`, `${lockBaseOf(runner.stateFile)}.7`);
    const line = await until('the log', () => {
      writeFileAtomicSync(runner.stateFile, state); // as a runner that beats: the other may have written once more
      return runner.logs().find((each) => each.includes('and serves'));
    });
    expect(await runner.ended).toBe(0);
    expect(line).toContain(`process ${stranger.pid} of another PID namespace or machine`);
    expect(runner.logs().at(-1)).toMatch(/holds the lock, generation 7, and serves; this process leaves/);
    expect(runner.said.at(-1)).toEqual({ host: 'releases' });
  });
});
