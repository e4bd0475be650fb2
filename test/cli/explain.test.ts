import { appendFileSync, copyFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Why } from '../../src/cli/explain.ts';
import { buildManifestSync } from '../../src/manifest/build.ts';
import type { RunnerStatus } from '../../src/runner/index.ts';
import { distprint } from '../helpers/cli.ts';
import { contentsOf, fingerprintOf } from '../helpers/manifest.ts';
import { isPosix, onlyWith } from '../helpers/needs.ts';
import { gone } from '../helpers/role.ts';
import { run } from '../helpers/run.ts';
import { makeRunnerPackage, type RunnerProgram, startRunner } from '../helpers/runner.ts';
import { ask, makeStates, OPTED_OUT, OTHER } from '../helpers/states.ts';
import { makePackage, makeTemp } from '../helpers/temp.ts';
import { writePackage } from '../helpers/tree.ts';
import { until } from '../helpers/wait.ts';
import { serverOf, startWrapper } from '../helpers/wrapper.ts';

const onPosix = onlyWith('signals, and folders that can be renamed while they are watched', isPosix);
const kill = (pid: number) => (isPosix ? `kill ${pid}` : `taskkill /F /PID ${pid}`);
const withPidNamespaces = onlyWith('PID namespaces, which Linux alone has', process.platform === 'linux');
const onLinux = onlyWith('Linux: it alone keeps the executable that runs', process.platform === 'linux');

/** Each question is a process. */
const SLOW = { timeout: 120_000 };

const WEEK_MS = 604_800_000;

type Told = RunnerStatus & { why: Why };

const tell = async (stateFile: string) => JSON.parse((await ask('status', stateFile, '--json')).stdout) as Told;
const whyOf = async ({ stateFile }: Pick<RunnerProgram, 'stateFile'>) => (await tell(stateFile)).why;
const held = ({ state }: RunnerProgram, gate: string) =>
  until(`the gate ${gate}`, () => (state().distprint.heldBack?.gate === gate ? true : undefined));
const shorten = (content: string | undefined) => content?.slice(0, 8);

/** Both commands, in words. */
const texts = async ({ stateFile }: Pick<RunnerProgram, 'stateFile'>) =>
  [(await ask('status', stateFile)).stdout, (await ask('doctor', stateFile)).stdout] as const;

describe('of a real runner, status and doctor say why', SLOW, () => {
  it('nothing is to be done where it runs what is installed', async () => {
    const runner = await startRunner();
    const { why } = await tell(runner.stateFile);
    expect(why).toMatchObject({ rule: 'current', outcome: 'nothing', sinceMs: null, differences: [], next: null });
    for (const text of await texts(runner)) expect(text).not.toMatch(/^(?:why|next|differs)/m);
  });

  it('a busy host keeps it: which files differ, from which content to which, since when, until when', async () => {
    const runner = await startRunner({ strategy: 'respawn', host: 'busy' });
    const before = contentsOf(buildManifestSync(runner.root));
    const beforeMs = Date.now();
    runner.upgrade('2.0.0');
    writeFileSync(join(runner.root, 'dist/more.js'), 'more');
    await held(runner, 'idle');
    const after = contentsOf(buildManifestSync(runner.root));
    const path = 'dist/release.js';
    const why = await whyOf(runner);
    expect(why).toMatchObject({
      rule: 'idle',
      outcome: 'wait',
      versions: { from: '1.0.0', to: '2.0.0' },
      files: 2,
      differences: [
        { path: 'dist/more.js', from: null, to: after['dist/more.js'] },
        { path, from: before[path], to: after[path] },
      ],
    });
    expect(why.sinceMs).toBeGreaterThanOrEqual(beforeMs);
    expect(why.sinceMs).toBeLessThanOrEqual(Date.now());
    expect(why.untilMs).toBeGreaterThan(Date.now() + 3_000_000);
    const [status, doctor] = await texts(runner);
    const since = new Date(why.sinceMs as number).toISOString();
    expect(status).toContain(`differs    since ${since}, version 1.0.0 -> 2.0.0, 2 files\n`);
    expect(status).toContain(`           A  dist/more.js  ${shorten(after['dist/more.js'])}\n`);
    expect(status).toContain(`           M  ${path}  ${shorten(before[path])} -> ${shorten(after[path])}\n`);
    expect(status).toMatch(/^held back {2}idle: the host is busy; postponed at most until /m);
    expect(status).toContain(`to move now: ${kill(runner.pid)}, and start it again\n`);
    expect(doctor).toContain(`what differs: since ${since}, version 1.0.0 -> 2.0.0, 2 files\n`);
    expect(doctor).toContain(`to move now: ${kill(runner.pid)}, and start it again\n`);
  });

  it('it waits its turn', async () => {
    const runner = await startRunner({ strategy: 'respawn', spreadMs: WEEK_MS });
    runner.upgrade('2.0.0');
    await held(runner, 'turn');
    const { turn } = runner.state().distprint;
    expect(turn).toMatchObject({ target: fingerprintOf(runner.root) });
    const why = await whyOf(runner);
    expect(why).toMatchObject({ rule: 'turn', outcome: 'wait' });
    expect(why.untilMs).toBe((turn?.sinceMs ?? 0) + (turn?.waitMs ?? 0));
    const [status] = await texts(runner);
    expect(status).toContain(
      `held back  turn: it waits its turn until ${new Date(why.untilMs as number).toISOString()}\n`,
    );
  });

  it('the breaker is open', async () => {
    const breaker = { max: 1, windowMs: 900_000 };
    const runner = await startRunner({ strategy: 'respawn', limits: { breaker } });
    runner.upgrade('2.0.0');
    await until('the replacement', () => runner.said.find(({ ready, generation }) => ready && generation === 2));
    runner.upgrade('3.0.0');
    await held(runner, 'breaker');
    const why = await whyOf(runner);
    expect(why).toMatchObject({ rule: 'breaker', outcome: 'wait', versions: { from: '2.0.0', to: '3.0.0' }, files: 1 });
    expect((why.untilMs as number) - Date.now()).toBeLessThanOrEqual(900_000);
    expect((await texts(runner))[0]).toMatch(/^next {7}find out what installs so often; to move now: (?:task)?kill /m);
  });

  it('new code was tried, and failed', async () => {
    const runner = await startRunner({
      strategy: 'respawn',
      limits: { backOff: { baseMs: 3_600_000, maxMs: 3_600_000 } },
    });
    writeFileSync(join(runner.root, 'dist/release.js'), 'export default "2.0.0"; throw new Error("it is broken")');
    await held(runner, 'back-off');
    const why = await whyOf(runner);
    expect(why).toMatchObject({ rule: 'back-off', outcome: 'wait', files: 1 });
    expect(why.reason).toContain('it is broken');
    expect(why.untilMs).toBe(runner.state().distprint.tried?.retryAtMs);
    expect((await texts(runner))[1]).toContain('next: install a release that works: other content is tried at once\n');
  });

  it('no strategy is safe', async () => {
    const runner = await startRunner({ strategy: 'none' });
    runner.upgrade('2.0.0');
    await held(runner, 'strategy');
    expect(await whyOf(runner)).toMatchObject({ rule: 'strategy', outcome: 'stay', untilMs: null });
  });

  it('a seal is missing; what it says to type helps', async () => {
    const root = makeRunnerPackage(makeTemp());
    await distprint(['seal', root]);
    const runner = await startRunner({ strategy: 'none' }, { root });
    runner.upgrade('2.0.0');
    await until('the beat to see it', () => runner.state().distprint.drift?.rule ?? undefined);
    const why = await whyOf(runner);
    expect(why).toMatchObject({
      rule: 'seal',
      outcome: 'wait',
      next: `once the build is whole: distprint seal ${root}`,
    });
    expect((await texts(runner))[0]).toContain('why        seal: it does not match its seal (1 file differs)');
    const [, words = ''] = (why.next ?? '').split('distprint ');
    expect((await distprint(words.split(' '))).code).toBe(0);
    await held(runner, 'strategy');
    expect(runner.state().distprint.drift).toMatchObject({ rule: null, sinceMs: why.sinceMs });
  });

  onPosix('nothing is installed', async () => {
    const runner = await startRunner({ strategy: 'none' });
    const away = join(makeTemp(), 'away');
    renameSync(runner.root, away);
    await until('the beat to see it', () => runner.state().distprint.drift?.rule === 'missing' || undefined);
    expect(await whyOf(runner)).toMatchObject({ rule: 'missing', next: 'install it again' });
    renameSync(away, runner.root);
    await until('it to be back', () => (runner.state().distprint.drift === null ? true : undefined));
  });

  onPosix('its heartbeat is late', async () => {
    const runner = await startRunner({ strategy: 'none', intervalMs: 200 });
    process.kill(runner.pid, 'SIGSTOP');
    runner.upgrade('2.0.0');
    const why = await until(
      'it to be late',
      async () => {
        const told = await whyOf(runner);
        return told.outcome === 'stay' ? told : undefined;
      },
      100,
      30_000,
    );
    expect(why).toMatchObject({ rule: 'unseen', next: `kill ${runner.pid}, and start it again` });
    process.kill(runner.pid, 'SIGCONT');
    await held(runner, 'strategy');
  });

  onLinux('its executable was replaced, and then deleted', async () => {
    const runtime = join(makeTemp(), 'node');
    copyFileSync(process.execPath, runtime);
    const runner = await startRunner({}, { runtime });
    expect((await tell(runner.stateFile)).executable).toEqual({ path: runtime, state: 'installed' });

    const next = `${runtime}.next`;
    copyFileSync(process.execPath, next);
    appendFileSync(next, 'x');
    renameSync(next, runtime);
    const replaced = await tell(runner.stateFile);
    expect(replaced).toMatchObject({
      executable: { path: runtime, state: 'replaced' },
      installed: { verdict: 'current' },
      why: { rule: 'executable', outcome: 'nothing' },
    });
    rmSync(runtime);
    expect(await tell(runner.stateFile)).toMatchObject({
      executable: { state: 'deleted' },
      why: { rule: 'executable' },
    });
    const { code, stdout } = await ask('status', runner.stateFile);
    expect(code).toBe(0); // the code that it runs is what is installed
    expect(stdout).toContain(`executable ${runtime} was deleted since the process started\n`);
    expect((await ask('doctor', runner.stateFile)).stdout).toContain(
      `executable: ${runtime} was deleted since the process started\n`,
    );
  });
});

describe('of a command under distprint run --state, status says why', SLOW, () => {
  const files = { 'package.json': { name: 'server', version: '1.0.0', type: 'module' } };

  onLinux('it was kept, and that the executable of the command is gone', async () => {
    const root = makePackage({ ...files, 'dist/server.js': serverOf('one') });
    const stateFile = join(makeTemp(), 'state/runner.state.json');
    const runtime = join(makeTemp(), 'node');
    copyFileSync(process.execPath, runtime);
    const options = [
      '--state',
      stateFile,
      '--restart',
      'start-first',
      '--interval',
      '200ms',
      '--settle',
      '100ms',
      '--verbose',
    ];
    const wrapper = startWrapper(options, [runtime, 'dist/server.js'], { cwd: root });
    await wrapper.loaded(); // what is written before that may be what it loads
    const before = contentsOf(buildManifestSync(root));
    writeFileSync(join(root, 'dist/server.js'), 'throw new Error("it is broken")');
    await wrapper.event('kept');
    const after = contentsOf(buildManifestSync(root));
    const why = await until('the gate', async () => {
      const told = await whyOf({ stateFile });
      return told.rule === 'back-off' ? told : undefined;
    });
    const path = 'dist/server.js';
    expect(why).toMatchObject({ outcome: 'stay', next: `to try it again: kill -USR2 ${wrapper.pid}` });
    expect(why.differences).toEqual([{ path, from: before[path], to: after[path] }]);
    expect((await tell(stateFile)).executable).toEqual({ path: runtime, state: 'installed' });
    rmSync(runtime);
    expect((await tell(stateFile)).executable).toEqual({ path: runtime, state: 'deleted' });

    writeFileSync(join(root, 'dist/server.js'), serverOf('one'));
    await until('it to be current', async () =>
      (await whyOf({ stateFile })).rule === 'executable' ? true : undefined,
    );
  });
});

describe('where a state says little, status and doctor do not say more', () => {
  const { make, none, installed } = makeStates();
  const LONG_AGO = '2020-01-01T00:00:00.000Z';
  const whyOfFile = async (file: string) => (await tell(file)).why;

  it.each<[string, () => string, Partial<Why>]>([
    ['none runs', () => none, { rule: 'none', outcome: 'stay' }],
    ['one died', () => make({ holder: gone }), { rule: 'none', outcome: 'stay' }],
    ['it opted out', () => make({ own: { ...OTHER, ...OPTED_OUT } }), { rule: 'opted-out', outcome: 'stay' }],
    ['it does not serve yet', () => make({ own: { ready: false } }), { rule: 'not-ready', outcome: 'wait' }],
    [
      'a gate is of a later release',
      () => make({ own: { ...OTHER, heldBack: { target: 'x', gate: 'constructor', reason: 'moon' } } }),
      { rule: 'constructor', outcome: 'stay', reason: 'moon', untilMs: null, next: null },
    ],
    [
      'launchd would not start it again at once',
      () => make({ own: { ...OTHER, heldBack: { target: 'x', gate: 'throttle', reason: 'it is young', untilMs: 1 } } }),
      {
        rule: 'throttle',
        outcome: 'wait',
        reason: 'it is young',
        untilMs: 1,
        next: expect.stringContaining('by itself'),
      },
    ],
    [
      'what differs was told of other code, by a release that knew it',
      () => make({ own: { ...OTHER, drift: { ...DRIFT, from: 'another one' } } }),
      { rule: 'unseen', sinceMs: null, differences: [] },
    ],
    [
      'what runs may have been another file of the same release',
      () => {
        const there = fingerprintOf(installed);
        const drift = { ...DRIFT, from: there, to: there, reason: 'sun', files: 0, differences: [] };
        return make({ own: { heldBack: { target: there, gate: 'idle', reason: 'moon' }, drift } });
      },
      { rule: 'idle', reason: 'moon; sun', files: 0 },
    ],
    [
      'it looks no more, whatever it waits for',
      () => make({ own: { ...OTHER, heldBack: TURN, intervalMs: null } }),
      { rule: 'unseen', outcome: 'stay', reason: 'its heartbeat was ended, so it looks no more' },
    ],
    [
      'it hangs, whatever it waits for',
      () => make({ own: { ...OTHER, heldBack: TURN }, fields: { lastHeartbeat: LONG_AGO } }),
      { rule: 'unseen', outcome: 'stay', reason: `its last heartbeat was at ${LONG_AGO}: it hangs, or was stopped` },
    ],
    [
      'it was installed again since nothing was there',
      () => make({ own: { ...OTHER, drift: { ...DRIFT, rule: 'missing', files: null } } }),
      { rule: 'unseen', outcome: 'wait', next: null },
    ],
    ['the time is no date', () => make({ own: { ...OTHER, drift: { ...DRIFT, sinceMs: 1e300 } } }), { sinceMs: 1e300 }],
    [
      'the time of a failure is no date',
      () => make({ own: { tried: { ...TRIED, retryAtMs: -1e300 } } }),
      { rule: 'current' },
    ],
  ])('%s', async (_, makeFile, why) => {
    const file = makeFile();
    expect(await whyOfFile(file)).toMatchObject(why);
    for (const command of ['status', 'doctor'] as const)
      expect((await ask(command, file)).stderr).not.toContain('error');
  });

  withPidNamespaces('its PID is one of another machine, and here another process has it', async () => {
    const file = make({ holder: { pid: process.pid, started: ELSEWHERE }, own: { ...OTHER, heldBack: TURN } });
    expect(await whyOfFile(file)).toMatchObject({
      rule: 'turn',
      next: `nothing: it moves by itself; to move now: restart it where it runs: process ${process.pid} of another PID namespace or machine`,
    });
  });

  const DRIFT = {
    from: OTHER.fingerprint,
    to: 'x',
    sinceMs: 0,
    rule: null,
    reason: null,
    versions: null,
    files: 12,
    differences: [{ path: 'a\x1b[2J', from: 'fifo', to: 'dangling:0123456789abcdef' }],
  };

  const TURN = { target: 'x', gate: 'turn', reason: 'moon' };
  const ELSEWHERE = '00000000-0000-0000-0000-000000000000/pid:[1]/1';
  const TRIED = { fingerprint: 'x', version: null, reason: 'moon', failures: 1, atMs: 0 };

  onPosix.for([
    ['sh', "it's here; touch pwned; '\\ $(touch pwned)"],
    ['bash', "a\nb'; touch pwned; '\\ \x1b[2J\u009b é"],
  ] as const)('what it says to type names the very path: %s', async ([shell, name]) => {
    const path = writePackage(join(makeTemp(), name), {});
    const file = make({ own: { ...OTHER, path, drift: { ...DRIFT, rule: 'seal' } } });
    for (const command of ['status', 'doctor'] as const) {
      const { stdout } = await ask(command, file);
      const [, typed] = /^next.*distprint seal (.*)$/m.exec(stdout) ?? [];
      expect(typed).toEqual(expect.not.stringMatching(/\p{Cc}/u));
      const ran = await run([shell, '-c', `printf '<%s>' ${typed}`], { cwd: makeTemp() });
      expect(ran.stdout).toBe(`<${path}>`);
    }
  });

  it('counts the files that it does not name, and lets nothing through to a terminal', async () => {
    const file = make({ own: { ...OTHER, drift: DRIFT } });
    const { stdout } = await ask('status', file);
    expect(stdout).toContain('differs    since 1970-01-01T00:00:00.000Z, 12 files\n');
    expect(stdout).toContain('           M  a\\x1b[2J  fifo -> dangling:01234567\n           and 11 more files\n');
  });
});
