import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { isRunnerRunningInstalledVersion, readRunnerStatus, waitForRunnerHandoff } from '../../../src/runner/index.ts';
import { acquire } from '../../../src/runner/role/lock.ts';
import { lockBaseOf } from '../../../src/runner/role/state-file.ts';
import { built } from '../../helpers/built.ts';
import { isPosix, isRoot, onlyWith, succeeds } from '../../helpers/needs.ts';
import { gone, me, type Written, writeRole } from '../../helpers/role.ts';
import { run } from '../../helpers/run.ts';
import { startRunner } from '../../helpers/runner.ts';
import { makeFifo } from '../../helpers/specials.ts';
import { makePackage, makeTemp } from '../../helpers/temp.ts';
import { makeSharedTemp, writePackage } from '../../helpers/tree.ts';
import { sleep } from '../../helpers/wait.ts';

const temp = makeSharedTemp();
/** Long settled. */
const installed = writePackage(join(temp, 'installed'), { 'dist/a.js': 'old' });
beforeAll(() => sleep(2_100));

const itAsRoot = onlyWith('root', isRoot);

const OTHER = { fingerprint: 'another' };

/** The state file of a runner of what is installed, which is this process. */
function makeRole(written: Written = {}, root = installed): string {
  const stateFile = join(makeTemp(), 'state/runner.state.json');
  writeRole(stateFile, root, written);
  return stateFile;
}

const isInstalled = (stateFile: string) => isRunnerRunningInstalledVersion({ stateFile });

/** What another user is told. With `hiding`, /proc shows that user no process of others. */
async function askAsOther(stateFile: string, hiding?: 1 | 2) {
  const source = `
    import { isRunnerRunningInstalledVersion, readRunnerStatus } from ${JSON.stringify(built('runner/index.js'))};
    const options = { stateFile: ${JSON.stringify(stateFile)} };
    const { isRunning, problem } = readRunnerStatus(options);
    console.log(JSON.stringify({ isRunning, problem, isInstalled: isRunnerRunningInstalledVersion(options) }));`;
  const hide = `mount -t proc -o hidepid=${hiding} proc /proc && exec "$@"`;
  const before = hiding === undefined ? [] : ['unshare', '-m', 'sh', '-c', hide, 'sh'];
  const asOther = [...before, 'setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const { stdout } = await run([...asOther, process.execPath, '--input-type=module', '-e', source], { cwd: '/' });
  return JSON.parse(stdout);
}

/** @param mode of its folder */
function makeReadable(mode: number, written: Written = {}): string {
  const stateFile = makeRole(written);
  chmodSync(stateFile, 0o600);
  for (const place of [dirname(stateFile), dirname(dirname(stateFile))]) chmodSync(place, mode);
  return stateFile;
}

describe('another user', () => {
  itAsRoot('who may read the lock is told whether a runner runs', async () => {
    const stateFile = makeReadable(0o755);
    const problem = expect.stringMatching(/can't be read: .*EACCES/);
    expect(await askAsOther(stateFile)).toEqual({ isRunning: true, problem, isInstalled: true });
    const { isRunning, isInstalled } = await askAsOther(makeReadable(0o755, { holder: gone }));
    expect({ isRunning, isInstalled }).toEqual({ isRunning: false, isInstalled: false });
  });

  itAsRoot('who may not is told that nobody knows, and never false', async () => {
    const problem = expect.stringContaining('EACCES');
    expect(await askAsOther(makeReadable(0o700))).toEqual({ isRunning: null, problem, isInstalled: true });
  });
});

const canHide = isRoot && succeeds('unshare', '-m', 'mount', '-t', 'proc', '-o', 'hidepid=2', 'proc', '/proc');
const itHidden = onlyWith('the right to mount /proc with hidepid=2', canHide);

describe('another user, from whom hidepid= hides the runner', () => {
  itHidden.each([1, 2] as const)('(%i) is told that nobody knows, until no process has its PID', async (hiding) => {
    const stateFile = makeReadable(0o755);
    expect(await askAsOther(stateFile, hiding)).toMatchObject({ isRunning: null, isInstalled: true });
    const ended = makeReadable(0o755, { holder: { ...gone, pid: 2 ** 22 } });
    expect(await askAsOther(ended, hiding)).toMatchObject({ isRunning: false, isInstalled: false });
  });
});

describe('isRunnerRunningInstalledVersion', () => {
  it('is false where no runner ever was', () => {
    expect(isInstalled(join(temp, 'none/runner.state.json'))).toBe(false);
  });

  it('is false where it died, also where its PID is used again', () => {
    expect(isInstalled(makeRole({ holder: gone }))).toBe(false);
    expect(isInstalled(makeRole({ holder: { ...gone, pid: 2 ** 22 } }))).toBe(false);
  });

  it('is true where it runs what is installed, and false where it runs something else', () => {
    expect(isInstalled(makeRole())).toBe(true);
    expect(isInstalled(makeRole({ own: OTHER }))).toBe(false);
  });

  it('is true where it moves to the new code without help, and false where it stays', () => {
    const decision = { strategy: 'exec', supervisor: 'systemd', reasons: [], advice: null };
    const heldBack = (gate: string) => ({ target: 'x', gate, reason: 'it is so' });
    const handingOff = { step: 'rehearse', target: 'x', sinceMs: 0 };
    expect(isInstalled(makeRole({ own: { ...OTHER, decision } }))).toBe(true);
    expect(isInstalled(makeRole({ own: { ...OTHER, handingOff } }))).toBe(true);
    expect(isInstalled(makeRole({ own: { ...OTHER, ready: false } }))).toBe(true);
    expect(isInstalled(makeRole({ own: { ...OTHER, decision, heldBack: heldBack('idle') } }))).toBe(true);
    expect(isInstalled(makeRole({ own: { ...OTHER, decision, heldBack: heldBack('turn') } }))).toBe(true);
    expect(isInstalled(makeRole({ own: { ...OTHER, decision, heldBack: heldBack('throttle') } }))).toBe(true);
    expect(isInstalled(makeRole({ own: { ...OTHER, decision, heldBack: heldBack('breaker') } }))).toBe(false);
    expect(isInstalled(makeRole({ own: { ...OTHER, decision, heldBack: heldBack('back-off') } }))).toBe(false);
  });

  it('is true after it left for its supervisor to start it again, for 30 s', () => {
    const left = (step: string, ago: number) =>
      makeRole({
        holder: gone,
        own: { handingOff: { step, target: 'x', sinceMs: 0 } },
        fields: { lastHeartbeat: new Date(Date.now() - ago).toISOString() },
      });
    expect([left('exit', 1_000), left('exit', 31_000), left('rehearse', 1_000)].map(isInstalled)).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('is true where it was told not to check', () => {
    expect(isInstalled(makeRole({ own: { ...OTHER, handoffDisabled: true } }))).toBe(true);
  });

  it('is true while an install is under way: nothing can be concluded', () => {
    const root = makePackage({ 'dist/a.js': 'old' });
    const stateFile = makeRole({}, root);
    writeFileSync(join(root, 'dist/a.js'), 'new');
    expect(isInstalled(stateFile)).toBe(true);
    expect(readRunnerStatus({ stateFile }).installed).toEqual({
      verdict: 'settling',
      name: 'example',
      version: '1.2.3',
      fingerprint: null,
    });
    rmSync(root, { recursive: true });
    expect(isInstalled(stateFile)).toBe(true);
    expect(readRunnerStatus({ stateFile }).installed).toEqual({
      verdict: 'missing',
      name: null,
      version: null,
      fingerprint: null,
    });
  });

  it('is true where it is alive and its state says nothing that can be trusted', () => {
    const stateFile = makeRole({ own: OTHER });
    writeFileSync(stateFile, '{');
    expect(isInstalled(stateFile)).toBe(true);
    const copied = makeRole({ own: { ...OTHER, started: gone.started } });
    expect(isInstalled(copied)).toBe(true);
  });
});

describe('readRunnerStatus', () => {
  it('says who runs, and what is installed', () => {
    const stateFile = makeRole({ generation: 3 });
    expect(readRunnerStatus({ stateFile })).toMatchObject({
      stateFile,
      isRunning: true,
      holder: { process: me, generation: 3 },
      state: { pid: process.pid, distprint: { generation: 3 } },
      problem: null,
      installed: { verdict: 'current', version: '1.2.3' },
    });
  });

  it('gives no state that is not of the process that holds the lock', () => {
    for (const own of [{ started: gone.started }, { started: '' }]) {
      const stateFile = makeRole({ own });
      const { state, problem, installed } = readRunnerStatus({ stateFile });
      expect({ state, installed }).toEqual({ state: null, installed: null });
      expect(problem).toBe(`${stateFile} is not of the process that holds the lock`);
    }
  });

  it('tells what is wrong with a state, and never throws for it', () => {
    const stateFile = makeRole();
    writeFileSync(stateFile, '{');
    expect(readRunnerStatus({ stateFile })).toMatchObject({
      isRunning: true,
      state: null,
      problem: expect.stringContaining('is damaged'),
    });
  });

  const strange: [string, Written][] = [
    ['a glob that is none', { own: { coverage: { include: ['../..'] } } }],
    ['a relative path', { own: { path: 'not/there' } }],
    ['a path that no file can have', { own: { path: '/\0' } }],
  ];

  it.each(strange)('never throws for a state that names %s', (_, written) => {
    const { isRunning, installed } = readRunnerStatus({ stateFile: makeRole(written) });
    expect(isRunning).toBe(true);
    expect(installed?.verdict).not.toBe('changed');
  });

  onlyWith('FIFOs', isPosix)('never throws, nor waits, where a FIFO lies in place of what is installed', () => {
    const root = makePackage({});
    rmSync(root, { recursive: true });
    makeFifo(root);
    const { installed } = readRunnerStatus({ stateFile: makeRole({ own: OTHER }, root) });
    expect(installed?.verdict).not.toBe('changed');
  });
});

describe('waitForRunnerHandoff', () => {
  const OLD_PID = 1;
  const wait = (stateFile: string, oldPid = OLD_PID, timeoutMs = 0) =>
    waitForRunnerHandoff(oldPid, { stateFile, timeoutMs, pollIntervalMs: 10 });

  it('is true for another holder that is alive, ready, and on what is installed', async () => {
    expect(await wait(makeRole())).toBe(true);
  });

  it.each<[string, Written]>([
    ['is dead', { holder: gone }],
    ['is not ready', { own: { ready: false } }],
    ['runs something else', { own: OTHER }],
    ['says nothing of itself in its state', { own: { started: gone.started } }],
  ])('is false at the timeout where it %s', async (_, written) => {
    expect(await wait(makeRole(written), OLD_PID, 50)).toBe(false);
  });

  it('is false where nobody has the role', async () => {
    expect(await wait(join(temp, 'none/runner.state.json'), OLD_PID, 50)).toBe(false);
  });

  it('is false where the old one still has it', async () => {
    expect(await wait(makeRole(), process.pid, 50)).toBe(false);
  });

  it('is true for the same PID once it has a higher generation, and is ready in it', async () => {
    const stateFile = makeRole();
    const done = wait(stateFile, process.pid, 12_000);
    await sleep(30);
    writeRole(stateFile, installed, { generation: 2 });
    expect(await done).toBe(true);
  });

  it('is false for the same PID where only the old generation was ready', async () => {
    const stateFile = makeRole();
    const done = wait(stateFile, process.pid, 300);
    await sleep(30);
    acquire(lockBaseOf(stateFile), me); // its state still is as the old code left it
    expect(await done).toBe(false);
  });

  it('sees a real hand-off through: another process, ready, on the code that was installed', async () => {
    const runner = await startRunner({ strategy: 'respawn' });
    expect(isInstalled(runner.stateFile)).toBe(true);
    const done = wait(runner.stateFile, runner.pid, 15_000);
    runner.upgrade('2.0.0');
    expect(await done).toBe(true);
    const { state, holder } = readRunnerStatus({ stateFile: runner.stateFile });
    expect(holder?.generation).toBe(2);
    expect(state?.pid).not.toBe(runner.pid);
    expect(state).toMatchObject({
      distprint: { version: '2.0.0', ready: true, handOffs: [expect.any(Number)] },
    });
    expect(await runner.ended).toBe(0);
    expect(await wait(runner.stateFile, runner.pid)).toBe(true); // it is still so for who asks late
  });
});
