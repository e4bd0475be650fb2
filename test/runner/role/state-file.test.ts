import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { toToken } from '../../../src/manifest/manifest.ts';
import { defaultStateFile, readOrSetAside, readState, writeState } from '../../../src/runner/role/state-file.ts';
import { errorOf, fingerprintOf } from '../../helpers/manifest.ts';
import { isPosix, isRoot, onlyWith } from '../../helpers/needs.ts';
import { launchRunner, makeState, startRunner } from '../../helpers/runner.ts';
import { makeFifo } from '../../helpers/specials.ts';
import { makeTemp } from '../../helpers/temp.ts';

const makePath = () => join(makeTemp(), 'state/runner.state.json');

/** A state file with this in it. */
function makeFile(content: string | object): string {
  const path = makePath();
  mkdirSync(dirname(path));
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const asideOf = (path: string) => readdirSync(dirname(path)).filter((name) => name.includes('set-aside'));

describe('the state file', () => {
  it('is where DISTPRINT_STATE_FILE says, else in the state directory of the user', () => {
    expect(defaultStateFile({ DISTPRINT_STATE_FILE: '/a/b.json', XDG_STATE_HOME: '/s' })).toBe('/a/b.json');
    expect(defaultStateFile({ XDG_STATE_HOME: '/s' })).toBe('/s/distprint/runner.state.json');
    expect(defaultStateFile({})).toMatch(/\/\.local\/state\/distprint\/runner\.state\.json$/);
  });

  it('can be read by its owner alone, in a folder that is made for it, whatever the mask, and whatever it was before', async () => {
    const mask = process.umask(0);
    onTestFinished(() => void process.umask(mask));
    const path = makePath();
    await writeState(path, makeState());
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    const open = makeFile(makeState());
    expect(statSync(open).mode & 0o777).toBe(0o666);
    await writeState(open, makeState());
    expect(statSync(open).mode & 0o777).toBe(0o600);
  });

  it('holds the words of the longest command line', async () => {
    const path = makePath();
    const state = makeState({ argv: Array.from({ length: 16 }, () => 'x'.repeat(128 * 1024 - 1)) });
    await writeState(path, state);
    expect(readState(path)).toEqual(state);
  });

  it('is another file after each write, and nothing is left beside it', async () => {
    const path = makeFile(makeState());
    const before = openSync(path, 'r');
    onTestFinished(() => closeSync(before));
    for (let pid = 1; pid <= 20; pid++) await writeState(path, { ...makeState(), pid }); // one after the other, as a runner does
    expect(JSON.parse(readFileSync(before, 'utf8'))).toEqual(makeState()); // who had it open has it whole
    expect(readdirSync(dirname(path))).toEqual([basename(path)]);
    expect(readState(path)?.pid).toBe(20);
  });

  it('that is not there is no state', () => {
    expect(readState(makePath())).toBeNull();
    expect(readOrSetAside(makePath(), (note) => expect.fail(note))).toBeNull();
  });

  it('keeps what others wrote in it', async () => {
    const state = { ...makeState({ ours: { later: true } } as object), machineId: 'm', nested: { a: [1, null] } };
    const path = makeFile(state);
    await writeState(path, readState(path) as typeof state);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(state);
  });

  it('that a runner without distprint wrote is read, whatever form its times have', () => {
    const { distprint: _, ...plain } = makeState();
    for (const time of ['11/22/2026, 12:00:00 AM', 1795305600000]) {
      const state = { ...plain, startTime: time, lastHeartbeat: time };
      expect(readState(makeFile(state))).toEqual(state);
    }
    expect(readState(makeFile({ pid: 1, ours: 2 }))).toEqual({ pid: 1, ours: 2 });
  });
});

const without = (field: string) => Object.fromEntries(Object.entries(makeState()).filter(([name]) => name !== field));

const UNTRUSTED: [string, () => string, RegExp][] = [
  ['empty', () => makeFile(''), /is damaged/],
  ['cut off', () => makeFile(JSON.stringify(makeState()).slice(0, -20)), /is damaged/],
  ['full of zeros, as after a power cut', () => makeFile('\0'.repeat(512)), /is damaged/],
  ['no JSON', () => makeFile('pid=1'), /is damaged/],
  ['no object', () => makeFile('[1]'), /is damaged: at /],
  ['null', () => makeFile('null'), /is damaged: at /],
  ['without a PID', () => makeFile(without('pid')), /at pid/],
  ['of PID 0', () => makeFile({ ...makeState(), pid: 0 }), /at pid/],
  ['of a PID that is text', () => makeFile({ ...makeState(), pid: '1' }), /at pid/],
  ['with an argv that is text', () => makeFile(makeState({ argv: 'a b' as never })), /at distprint\.argv/],
  [
    'with an opt-out that is text',
    () => makeFile(makeState({ handoffDisabled: '0' as never })),
    /at distprint\.handoffDisabled/,
  ],
  ['without our format', () => makeFile({ ...makeState(), distprint: {} }), /is of another format|at distprint/],
  ['with a history that is none', () => makeFile(makeState({ handOffs: ['now'] } as object)), /at distprint\.handOffs/],
  [
    'of a later format',
    () => makeFile(makeState({ format: 3, handOffs: {} } as object)),
    /another format \(3\).* reads 2/,
  ],
  [
    'a directory',
    () => {
      const path = makePath();
      mkdirSync(path, { recursive: true });
      return path;
    },
    /can't be read: .*no regular file/,
  ],
  [
    'huge',
    () => {
      const path = makeFile('{');
      truncateSync(path, 2 ** 40);
      return path;
    },
    /can't be read: .* has 1099511627776 bytes; at most 16777216 are read/,
  ],
];

describe('a state file that can not be trusted', () => {
  const expectRefused = async (path: string, says: RegExp) => {
    const error = await errorOf(() => readState(path));
    expect({ code: error.code, path: error.path }).toEqual({ code: 'ERR_DISTPRINT_STATE', path });
    expect(error.message).toMatch(says);
    expect(error.message).toContain(path);

    const notes: string[] = [];
    const { ino } = statSync(path);
    expect(readOrSetAside(path, (note) => notes.push(note))).toBeNull();
    const [aside, ...more] = asideOf(path) as [string, ...string[]];
    expect(more).toEqual([]);
    expect(statSync(join(dirname(path), aside)).ino).toBe(ino);
    expect(notes).toEqual([`${error.message}; it is set aside as ${join(dirname(path), aside)}`]);
    expect(readState(path)).toBeNull();
  };

  it.each(UNTRUSTED)('%s: is a typed error, and set aside', (_, make, says) => expectRefused(make(), says));

  onlyWith('FIFOs', isPosix)('a FIFO: is a typed error, and set aside, and keeps nobody waiting', async () => {
    const path = makePath();
    mkdirSync(dirname(path));
    makeFifo(path);
    await expectRefused(path, /can't be read: .*no regular file/);
  });

  onlyWith('root', isRoot)('of another user: is a typed error, and set aside', async () => {
    const path = makeFile(makeState());
    chownSync(path, 65534, 65534);
    await expectRefused(path, /belongs to another user \(65534\)/);
  });

  onlyWith('modes', isPosix)('that others may write: is a typed error, and set aside', async () => {
    const path = makeFile(makeState());
    chmodSync(path, 0o666);
    await expectRefused(path, /can be written by others \(mode 0666\): remove it, or take that right from them/);
  });

  onlyWith('root', isRoot)('that a group may write: only where it is that of others', async () => {
    const path = makeFile(makeState());
    chmodSync(path, 0o664);
    expect(readState(path)).toEqual(makeState());
    chownSync(path, 0, 1000);
    await expectRefused(path, /can be written by others \(mode 0664\)/);
  });

  it('does not keep a runner from its work, and is set aside once', async () => {
    const path = makeFile('{"pid": 1');
    const runner = await startRunner({ stateFile: path });
    await runner.beats(3);
    expect(asideOf(path)).toHaveLength(1);
    expect(runner.logs()).toEqual([expect.stringMatching(/is damaged: .*; it is set aside as /)]);
    writeFileSync(path, JSON.stringify(makeState({ format: 9 } as object)));
    await expect.poll(() => asideOf(path).length, { timeout: 12_000 }).toBe(2);
    await expect.poll(() => readState(path)?.pid, { timeout: 12_000 }).toBe(runner.pid);
    expect(runner.isAlive()).toBe(true);
  });
});

describe('a folder', () => {
  const expectRefused = async (place: string, says: RegExp) => {
    const runner = launchRunner({ stateFile: join(place, 'runner.state.json') });
    expect(await runner.ended).toBe(1);
    expect(runner.stderr()).toMatch(says);
    expect(runner.stderr()).toContain('give a stateFile in a folder of its own');
    expect(readdirSync(place)).toEqual([]);
  };

  onlyWith('modes', isPosix).each([0o777, 0o1777])('that others may write is refused: mode %o', async (mode) => {
    const place = makeTemp();
    chmodSync(place, mode);
    await expectRefused(place, /can be written by others \(mode 01?777\)/);
    await startRunner({ stateFile: join(place, 'own/runner.state.json') });
  });

  onlyWith('root', isRoot)('of another user is refused', async () => {
    const place = makeTemp();
    chownSync(place, 65534, 65534);
    await expectRefused(place, /belongs to another user \(65534\)/);
  });
});

describe('a real runner', () => {
  it("keeps HAPI's fields by their names and meaning", async () => {
    const before = Date.now();
    const fields = { httpPort: 4711, runnerLogPath: '/var/log/x.log', machineId: 'm' };
    const args = ['start-sync', '--workspace-root', '/a b', ''];
    const runner = await startRunner({ fields, isHapi: true }, { args });
    const state = runner.state();
    expect(state).toMatchObject({
      pid: runner.pid,
      ...fields,
      startedWithCliVersion: '1.0.0',
      startedWithCliMtimeMs: toToken(fingerprintOf(runner.root)),
      startedWithArgv: args,
      startedWithVersionHandoffDisabled: false,
    });
    expect(Date.parse(String(state.startTime))).toBeGreaterThanOrEqual(before);
    await runner.beats(1);
    const later = runner.state();
    expect(later.startTime).toBe(state.startTime);
    expect(Date.parse(String(later.lastHeartbeat))).toBeGreaterThan(Date.parse(String(state.lastHeartbeat)));
    expect(statSync(runner.stateFile).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(runner.stateFile)).mode & 0o777).toBe(0o700);
  });

  it('leaves what it does not know as it was, beat after beat, also what is added meanwhile', async () => {
    const path = makeFile({ ...makeState({ ours: 1 } as object), machineId: 'm', list: [{ a: null }] });
    const runner = await startRunner({ stateFile: path });
    await runner.beats(2);
    expect(runner.state()).toMatchObject({
      pid: runner.pid,
      machineId: 'm',
      list: [{ a: null }],
      distprint: { ours: 1 },
    });
  });

  it('says what started, whatever is installed later', async () => {
    const runner = await startRunner();
    const { version, fingerprint, token } = runner.state().distprint;
    runner.upgrade('2.0.0');
    await expect.poll(() => runner.state().distprint.verdict, { timeout: 12_000 }).toBe('changed');
    await runner.beats(2);
    expect(runner.state().distprint).toMatchObject({ version, fingerprint, token });
    expect(runner.state().distprint.heldBack?.target).toBe(fingerprintOf(runner.root));
  });

  it('persists arguments as redacted, and its own argv stays as it was', async () => {
    const args = ['--token=hush', 'plain'];
    const runner = await startRunner({ redacted: 'hush' }, { args });
    expect(runner.state().distprint.argv).toEqual(['--token=[redacted]', 'plain']);
    expect(readFileSync(runner.stateFile, 'utf8')).not.toContain('hush');
    const shown = execFileSync('ps', ['-ww', '-o', 'command=', '-p', `${runner.pid}`], { encoding: 'utf8' });
    expect(shown).toContain('--token=hush');
  });
});
