import { readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeFileAtomicSync } from '../../src/disk/write-file.ts';
import { toToken } from '../../src/manifest/manifest.ts';
import { identify } from '../../src/platform/process-id.ts';
import { readHolder } from '../../src/runner/role/lock.ts';
import { lockBaseOf, readState } from '../../src/runner/role/state-file.ts';
import { built, startProgram } from '../helpers/built.ts';
import { distprint } from '../helpers/cli.ts';
import { fingerprintOf } from '../helpers/manifest.ts';
import { launchRunner, startRunner } from '../helpers/runner.ts';
import { makePackage, makeTemp, writeTree } from '../helpers/temp.ts';
import { sleep, until } from '../helpers/wait.ts';

describe('an operator who disables the hand-off', () => {
  it.each([
    ['DISTPRINT_DISABLE_HANDOFF', {}],
    ['DAEMON_STAYS', { optOutVariable: 'DAEMON_STAYS' }],
  ])('by %s=1 has drift not checked, and the rest of the beat goes on', async (name, options) => {
    const runner = await startRunner({ strategy: 'respawn', ...options }, { env: { [name]: '1' } });
    runner.upgrade('2.0.0');
    await sleep(500); // more than ten beats, and more than it takes to settle
    await runner.beats(2);
    const { distprint } = runner.state();
    expect(distprint.handoffDisabled).toBe(true);
    expect(distprint).toMatchObject({ verdict: null, handingOff: null, heldBack: null, generation: 1 });
    expect(runner.logs()).toEqual([]);

    // In one step: the runner writes while its folder is emptied.
    renameSync(dirname(runner.stateFile), join(makeTemp(), 'gone'));
    const holder = await until('its role to be held', () => readHolder(lockBaseOf(runner.stateFile)));
    expect(holder).toEqual({ process: identify(runner.pid), generation: 1 });
  });

  it('with any other value, or in another variable, disables nothing', async () => {
    const env = { DISTPRINT_DISABLE_HANDOFF: '0', DAEMON_STAYS: '1' };
    const runner = await startRunner({ strategy: 'respawn' }, { env });
    runner.upgrade('2.0.0');
    expect(await runner.ended).toBe(0);
    await until('the replacement', () => runner.said.find(({ generation }) => generation === 2));
    expect(runner.state().distprint.handoffDisabled).toBe(false);
  });
});

describe('an operator who sets the strategy', () => {
  it('by DISTPRINT_STRATEGY goes before the host', async () => {
    const runner = await startRunner({ strategy: 'none' }, { env: { DISTPRINT_STRATEGY: 'respawn' } });
    expect(runner.state().distprint.decision).toMatchObject({
      strategy: 'respawn',
      reasons: expect.arrayContaining(['strategy respawn was asked for']),
    });
  });

  it('to one that there is not is told which there are', async () => {
    const runner = launchRunner({}, { env: { DISTPRINT_STRATEGY: 'restart' } });
    expect(await runner.ended).toBe(1);
    expect(runner.stderr()).toContain('DISTPRINT_STRATEGY is "restart": set it to auto, exec, respawn, exit or none');
    expect(runner.stderr()).toContain('ERR_DISTPRINT_OPTION');
  });
});

describe('a host that is busy', () => {
  it('postpones, which its state says; when the time is up it is handed off all the same', async () => {
    const limits = { maxPostponeMs: 1_500 };
    const runner = await startRunner({ strategy: 'respawn', host: 'busy', limits });
    runner.upgrade('2.0.0');
    const { heldBack, postponedSinceMs } = await until('the hand-off to be held back', () => {
      const { distprint } = runner.state();
      return distprint.heldBack === null ? undefined : distprint;
    });
    expect(heldBack?.target).toBe(fingerprintOf(runner.root));
    expect(heldBack).toMatchObject({ gate: 'idle', reason: expect.stringContaining('the host is busy') });
    expect(await runner.ended).toBe(0);
    expect(Date.now()).toBeGreaterThanOrEqual((postponedSinceMs as number) + 1_500);
    expect(runner.logs().filter((line) => line.includes('the host is busy'))).toHaveLength(1);
  });

  it('may say so after its claim, by onHandOff', async () => {
    const runner = await startRunner({ strategy: 'respawn', host: 'busy later' });
    runner.upgrade('2.0.0');
    const heldBack = await until('the hand-off to be held back', () => runner.state().distprint.heldBack ?? undefined);
    expect(heldBack.gate).toBe('idle');
  });

  it('keeps, of its options, what onHandOff leaves out', async () => {
    const runner = await startRunner({ strategy: 'respawn', host: 'ready later' });
    runner.upgrade('2.0.0');
    await until('the new code', () => runner.said.find(({ release }) => release === '2.0.0'));
    expect(runner.said.filter(({ host }) => host !== undefined)).toEqual([{ host: 'releases' }]);
    const tookOver = `took over from process ${runner.pid}, generation 2`;
    await until('it to be logged', () => runner.said.find(({ log }) => log?.includes(tookOver)));
  });

  it('with no answer at all stops no heartbeat, and is taken for busy', async () => {
    const runner = await startRunner({ strategy: 'respawn', host: 'stuck' });
    runner.upgrade('2.0.0');
    const heldBack = await until('the hand-off to be held back', () => runner.state().distprint.heldBack ?? undefined);
    expect(heldBack.gate).toBe('idle');
    await runner.beats(1);
  });
});

describe('content alone starts a hand-off', () => {
  it('a touch of all that is installed does not', async () => {
    const runner = await startRunner({ strategy: 'respawn' });
    const now = new Date();
    for (const path of ['package.json', 'dist/main.js', 'dist/release.js', 'dist', '.'])
      utimesSync(join(runner.root, path), now, now);
    runner.upgrade('1.0.0'); // the same bytes, written again
    await sleep(500);
    await runner.beats(2);
    expect(runner.logs()).toEqual([]);
    expect(runner.state().distprint).toMatchObject({ verdict: 'current', generation: 1, handOffs: [] });
  });
});

it("a host's one-shot variables are not given to the new code, and all others are", async () => {
  const env = { ONCE: '1', ALWAYS: '2' };
  const runner = await startRunner({ strategy: 'respawn', oneShotVariables: ['ONCE'] }, { env });
  runner.upgrade('2.0.0');
  const next = await until('the replacement', () => runner.said.find(({ generation }) => generation === 2));
  expect(runner.said.find(({ generation }) => generation === 1)).toMatchObject({ once: '1', always: '2' });
  expect([next.once, next.always]).toEqual([undefined, '2']);
});

describe('a host with a state file and a lock of its own', () => {
  it('shares the file: its fields stay, also those that it writes meanwhile, and distprint shows the runner', async () => {
    const stateFile = join(makeTemp(), 'runner.state.json');
    const ownLock = join(dirname(stateFile), 'runner.state.json.lock');
    writeFileSync(ownLock, '4242');
    const own = { pid: 4242, startedWithCliVersion: '0.9.0', startedWithCliMtimeMs: 1795305600000, machineId: 'm' };
    writeFileSync(stateFile, JSON.stringify(own));
    const runner = await startRunner({ stateFile, isHapi: true, fields: { httpPort: 4711, runnerLogPath: '/log' } });
    const write = (fields: object) => writeFileAtomicSync(stateFile, JSON.stringify({ ...runner.state(), ...fields }));
    await until('what the host wrote to last', () => {
      const { sessions, lastHeartbeat } = runner.state() as { sessions?: number; lastHeartbeat?: string };
      if (sessions === undefined) write({ sessions: 3, lastHeartbeat: 'of the host' });
      return sessions === 3 && lastHeartbeat !== 'of the host' ? true : undefined;
    });
    expect(runner.state()).toMatchObject({
      pid: runner.pid,
      machineId: 'm',
      startedWithCliVersion: '1.0.0',
      runnerLogPath: '/log',
      distprint: { generation: 1, ready: true },
    });
    expect(readFileSync(ownLock, 'utf8')).toBe('4242');
    const { stdout } = await distprint(['status', '--state', stateFile]);
    expect(stdout).toMatch(new RegExp(`^runner +process ${runner.pid}, generation 1\nport +4711\n`));
    expect(runner.logs()).toEqual([]);
  });
});

describe('what a runner tells its host', () => {
  /** Says it, and then, for each line that it is told, what its detector sees. */
  const toSource = (options: object, probed: object) => `
    import { createInterface } from 'node:readline';
    import { claimRunner } from ${JSON.stringify(built('runner/index.js'))};
    import { createInstalledCliProbe, HAPI } from ${JSON.stringify(built('drop-in.js'))};
    const say = (what) => console.log(JSON.stringify(what));
    const runner = await claimRunner({ ...HAPI, ...${JSON.stringify(options)}, log: () => {} });
    await runner.ready();
    const { token, detector } = runner;
    const probed = createInstalledCliProbe(${JSON.stringify(probed)})();
    say({ token, probed, fingerprint: detector.baseline.fingerprint });
    for await (const _ of createInterface({ input: process.stdin })) {
      const { verdict, filesRead } = await runner.detector.check();
      say({ verdict, filesRead });
    }`;

  it.each([
    { kind: 'package', probe: 'packageDir', at: '.' },
    { kind: 'executable', probe: 'executable', at: 'dist/main' },
  ] as const)(
    '$kind, which has no version: the one that it gave, the token of the drop-in, and the detector of the beats',
    async ({ kind, probe, at }) => {
      const root = makePackage({ 'package.json': { name: 'host' }, 'dist/main': '1' });
      const path = join(root, at);
      const stateFile = join(makeTemp(), 'state/runner.state.json');
      const options = { path, kind, stateFile, version: '9.9.9', strategy: 'none', intervalMs: 30 };
      const program = startProgram(toSource(options, { [probe]: path }));
      const started = fingerprintOf(path, { kind });
      const token = toToken(started);
      expect(await program.hear()).toEqual({ token, probed: token, fingerprint: started });
      const state = () => readState(stateFile);
      expect(state()).toMatchObject({ startedWithCliVersion: '9.9.9', distprint: { version: '9.9.9', token } });

      writeTree(root, { 'dist/main': '2' });
      await until('a beat to see it', () => state()?.distprint?.heldBack ?? undefined);
      await sleep(200); // several beats
      // They have read the file: one that looked for itself would read it now.
      expect(await program.ask()).toEqual({ verdict: 'changed', filesRead: 0 });
    },
  );
});
