import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Check, createDetector, type DetectorOptions } from '../../src/change/detector.ts';
import { startHeartbeat } from '../../src/change/heartbeat.ts';
import { buildManifestSync } from '../../src/manifest/build.ts';
import { writeSeal } from '../../src/manifest/seal.ts';
import { isPosix, onlyWith } from '../helpers/needs.ts';
import { makeDirectory, makePackage, makeTemp, writeTree } from '../helpers/temp.ts';
import { npmRetired } from '../helpers/tree.ts';
import { sleep, until } from '../helpers/wait.ts';

/** Windows renames no directory in which another one is open, so nothing is listened to there. */
const itListening = onlyWith('directories that may be listened to', isPosix);

/** No test lasts so long: what is seen was seen because of an event. */
const NEVER_MS = 3_600_000;
const files = { 'dist/a.js': 'alpha', 'dist/b.js': 'beta', 'dist/deep/c.js': 'gamma' };
const next = { ...files, 'dist/a.js': 'ALPHA', 'package.json': { name: 'example', version: '2.0.0' } };

interface Listening {
  readonly beats: readonly Check[];
  readonly notes: readonly string[];
  /** The first beat with this verdict from now on. */
  until(verdict: Check['verdict']): Promise<Check>;
}

/** A heartbeat that beats only where it is woken. Its first beat comes when it listens. */
async function listen(path: string, options: Partial<DetectorOptions> = {}, onBeat = () => {}): Promise<Listening> {
  const beats: Check[] = [];
  const notes: string[] = [];
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  startHeartbeat({
    detector: createDetector({ path, settleMs: 100, ...options }),
    intervalMs: NEVER_MS,
    wake: true,
    onNote: (note) => notes.push(note),
    onBeat(check) {
      beats.push(check);
      onBeat();
    },
    signal: stop.signal,
  });
  await until('the first beat', () => beats[0]);
  return {
    beats,
    notes,
    until(verdict) {
      const seen = beats.length;
      return until(verdict, () => beats.slice(seen).find((check) => check.verdict === verdict));
    },
  };
}

describe('a change wakes', () => {
  itListening.each<[string, (root: string) => void]>([
    ['in a file', (root) => writeFileSync(join(root, 'dist/deep/c.js'), 'GAMMA')],
    ['by a rename over a file', (root) => replaceBy(join(root, 'dist/b.js'), 'BETA')],
    ['by a new file', (root) => writeFileSync(join(root, 'dist/new.js'), '')],
    ['by a file that goes', (root) => rmSync(join(root, 'dist/b.js'))],
    ['by a directory that goes', (root) => rmSync(join(root, 'dist/deep'), { recursive: true })],
    ['in package.json', (root) => writeTree(root, { 'package.json': next['package.json'] })],
    ['by a package.json that is renamed', (root) => replaceBy(join(root, 'package.json'), '{"version": "3.0.0"}')],
    ['by directories in each other', (root) => writeTree(root, { 'dist/one/two/three/four.js': '4' })],
    ['by a whole tree that is moved in', (root) => renameSync(makeDirectory(next), join(root, 'dist/moved'))],
    ['in a directory that has its own name in it', (root) => writeTree(root, { 'dist/dist': 'new' })],
  ])('%s', async (_, change) => {
    const root = makePackage(files);
    const listening = await listen(root);
    const changed = listening.until('changed');
    change(root);
    expect((await changed).fingerprint).toBe(buildManifestSync(root).fingerprint);
    expect(listening.notes).toEqual([]);
  });

  itListening('in a directory that came later, again and again', async () => {
    const root = makePackage(files);
    const listening = await listen(root);
    for (const path of ['dist/new/a.js', 'dist/new/a.js', 'dist/new/b.js', 'dist/new/newer/c.js', 'dist/a.js']) {
      const changed = listening.until('changed');
      writeTree(root, { [path]: `${Math.random()}` });
      expect((await changed).fingerprint).toBe(buildManifestSync(root).fingerprint);
    }
  });

  itListening('in a file that `bin` names outside dist, and one that it names before it is there', async () => {
    const bin = { one: 'bin/one.js', two: 'tools/two/two.js' };
    const root = makePackage({ ...files, 'package.json': { version: '1.0.0', bin }, 'bin/one.js': '1' });
    const listening = await listen(root);
    for (const path of ['bin/one.js', 'tools/two/two.js', 'tools/two/two.js']) {
      const changed = listening.until('changed');
      writeTree(root, { [path]: `${Math.random()}` });
      expect((await changed).fingerprint).toBe(buildManifestSync(root).fingerprint);
    }
  });

  onlyWith('names that are no UTF-8', process.platform === 'linux')('below a name that is no UTF-8', async () => {
    const root = makePackage(files);
    const odd = Buffer.concat([Buffer.from(`${root}/dist/`), Buffer.from([0xff, 0xfe])]);
    mkdirSync(odd);
    const listening = await listen(root);
    const changed = listening.until('changed');
    writeFileSync(Buffer.concat([odd, Buffer.from('/a.js')]), 'new');
    await changed;
  });

  itListening('of an executable: written in place, renamed over, and behind a link that is repointed', async () => {
    const folder = makeDirectory({ 'v1/program': 'one', 'v2/program': 'two', 'bin/other': '' });
    symlinkSync('v1', join(folder, 'current'));
    symlinkSync('../current/program', join(folder, 'bin/program'));
    const path = join(folder, 'bin/program');
    const listening = await listen(path);
    const acts = [
      () => writeFileSync(join(folder, 'v1/program'), 'in place'),
      () => replaceBy(join(folder, 'v1/program'), 'by rename'),
      () => repoint(join(folder, 'current'), 'v2'),
      () => writeFileSync(join(folder, 'v2/program'), 'behind the new one'),
    ];
    for (const act of acts) {
      const changed = listening.until('changed');
      act();
      expect((await changed).fingerprint).toBe(buildManifestSync(path).fingerprint);
    }
  });
});

describe('a tree that comes and goes wakes', () => {
  itListening('where npm retires the folder, builds the next in its place, and removes the old one', async () => {
    const modules = join(makeTemp(), 'node_modules');
    const root = join(modules, 'example');
    writeTree(root, { 'package.json': {}, ...files });
    const listening = await listen(root);
    const missing = listening.until('missing');
    renameSync(root, npmRetired(modules, 'example'));
    await missing;
    const settling = listening.until('settling');
    writeTree(root, next);
    await settling;
    const changed = listening.until('changed');
    rmSync(npmRetired(modules, 'example'), { recursive: true });
    expect((await changed).fingerprint).toBe(buildManifestSync(root).fingerprint);
  });

  itListening('where all of it is deleted, up to the folder above, and made anew', async () => {
    const above = join(makeTemp(), 'above');
    const root = join(above, 'node_modules/@scope/example');
    writeTree(root, { 'package.json': {}, ...files });
    const listening = await listen(root);
    for (const [path, content] of Object.entries(next)) {
      const missing = listening.until('missing');
      rmSync(above, { recursive: true });
      await missing;
      const changed = listening.until('changed');
      writeTree(root, { 'package.json': {}, ...files, [path]: content, 'dist/x.js': path });
      expect((await changed).fingerprint).toBe(buildManifestSync(root).fingerprint);
    }
  });

  itListening('where dist is deleted, then regenerated', async () => {
    const root = makePackage(files);
    const listening = await listen(root);
    const changed = listening.until('changed');
    rmSync(join(root, 'dist'), { recursive: true });
    expect((await changed).fingerprint).toBe(buildManifestSync(root).fingerprint);
    const current = listening.until('current');
    writeTree(root, files);
    await current;
  });

  itListening(
    'where a folder on the way is renamed and another takes its place, and where a link on the way is repointed',
    async () => {
      const base = makeTemp();
      for (const [release, tree] of Object.entries({ one: files, two: next, three: { ...next, 'dist/d.js': '' } })) {
        writeTree(join(base, 'releases', release, 'node_modules/example'), { 'package.json': {}, ...tree });
      }
      symlinkSync('releases/one', join(base, 'current'));
      const root = join(base, 'current/node_modules/example');
      const listening = await listen(root);
      const acts = [
        () => repoint(join(base, 'current'), join(base, 'releases/two')),
        () => writeFileSync(join(base, 'releases/two/node_modules/example/dist/b.js'), 'BETA'),
        () => {
          renameSync(join(base, 'releases/two'), join(base, 'releases/old'));
          renameSync(join(base, 'releases/three'), join(base, 'releases/two'));
        },
        () => writeFileSync(join(base, 'releases/two/node_modules/example/dist/deep/c.js'), 'GAMMA'),
      ];
      for (const act of acts) {
        const changed = listening.until('changed');
        act();
        expect((await changed).fingerprint).toBe(buildManifestSync(root).fingerprint);
      }
    },
  );

  itListening('where a directory is made anew and is given the inode of the one before it', async () => {
    const root = makePackage(files);
    const deep = join(root, 'dist/deep');
    const { ino } = statSync(deep);
    const listening = await listen(root);
    const changed = listening.until('changed');
    for (let i = 0; i === 0 || (statSync(deep).ino !== ino && i < 50); i++) {
      rmSync(deep, { recursive: true });
      mkdirSync(deep);
    }
    await changed;
    const again = listening.until('changed');
    writeTree(root, { 'dist/deep/new.js': 'new' });
    expect((await again).fingerprint).toBe(buildManifestSync(root).fingerprint);
  });

  itListening('where nothing was there when it began', async () => {
    const baseline = buildManifestSync(makePackage(files));
    const root = join(makeTemp(), 'not/yet/there');
    const listening = await listen(root, { baseline });
    expect(listening.beats[0]?.verdict).toBe('missing');
    const changed = listening.until('changed');
    writeTree(root, next);
    expect((await changed).fingerprint).toBe(buildManifestSync(root).fingerprint);
  });
});

describe('what settles', () => {
  itListening('is looked at again when it may have settled, though nothing moves any more', async () => {
    const root = makePackage(files);
    const settleMs = 700;
    const listening = await listen(root, { settleMs });
    const changed = listening.until('changed');
    const writtenMs = performance.now();
    writeTree(root, next);
    await changed;
    expect(performance.now() - writtenMs).toBeGreaterThanOrEqual(settleMs - 10);
  });

  itListening('need not be waited for where a seal comes', async () => {
    const root = makePackage(files);
    const listening = await listen(root, { settleMs: NEVER_MS });
    const settling = listening.until('settling');
    writeTree(root, next);
    await settling;
    const changed = listening.until('changed');
    await writeSeal(root);
    await changed;
  });
});

describe('events', () => {
  const quietMs = 400;

  itListening('in a folder above do not wake, unless they are about the way to the tree', async () => {
    const root = makePackage(files);
    const listening = await listen(root);
    const before = listening.beats.length;
    for (let i = 0; i < 100; i++) writeFileSync(join(dirname(root), `noise-${i}`), '');
    for (let i = 0; i < 100; i++) writeFileSync(join(root, `noise-${i}`), ''); // only dist counts
    await sleep(quietMs);
    expect(listening.beats).toHaveLength(before);
    const missing = listening.until('missing');
    renameSync(root, `${root}-away`);
    await missing;
  });

  itListening('that come by the thousand cost a look now and then', async () => {
    const root = makePackage(files);
    const listening = await listen(root);
    const startedMs = performance.now();
    const before = listening.beats.length;
    for (let i = 0; i < 4_000; i++) {
      writeFileSync(join(root, `dist/${i % 100}.js`), `${i}`);
      if (i % 50 === 0) await sleep(1);
    }
    const looks = listening.beats.length - before;
    expect(looks).toBeGreaterThan(0);
    expect(looks).toBeLessThanOrEqual(1 + (performance.now() - startedMs) / 50);
    const changed = listening.until('changed');
    expect((await changed).fingerprint).toBe(buildManifestSync(root).fingerprint);
  });

  itListening('that a beat itself causes thin out: each look in vain is followed by a longer rest', async () => {
    const root = makePackage({ 'package.json': { version: '1.0.0' }, 'a.js': 'alpha' });
    const atMs: number[] = [];
    const listening = await listen(root, { exclude: ['*.state'] }, () => {
      atMs.push(performance.now());
      writeFileSync(join(root, 'own.state'), `${atMs.length}`); // it does not count, and its directory is listened to
    });
    await sleep(5_000);
    expect(new Set(listening.beats.map(({ verdict }) => verdict))).toEqual(new Set(['current']));
    expect(atMs.length).toBeGreaterThan(1); // it is woken
    expect(atMs.length).toBeLessThan(20); // and not once every 50 ms
    const changed = listening.until('changed');
    writeFileSync(join(root, 'a.js'), 'ALPHA');
    await changed;
  });

  itListening('of a touch wake, and say nothing', async () => {
    const root = makePackage(files);
    const listening = await listen(root);
    const current = listening.until('current');
    chmodSync(join(root, 'dist/a.js'), 0o600);
    await current;
    expect(listening.notes).toEqual([]);
  });

  onlyWith('/proc', process.platform === 'linux')('are no longer listened to once it has ended', async () => {
    const root = makePackage(files);
    const before = countWatches();
    const stop = new AbortController();
    let beats = 0;
    const onBeat = () => void beats++;
    const detector = createDetector({ path: root });
    startHeartbeat({ detector, intervalMs: NEVER_MS, wake: true, onBeat, signal: stop.signal });
    await until('the first beat', () => beats || undefined);
    expect(countWatches()).toBeGreaterThan(before);
    stop.abort();
    expect(countWatches()).toBe(before);
    const last = beats;
    writeFileSync(join(root, 'dist/a.js'), 'ALPHA');
    await sleep(quietMs);
    expect(beats).toBe(last);
  });
});

describe('a change of which no event tells', () => {
  itListening('is found by the next beat, and that events get lost is said once', async () => {
    const root = makePackage(files);
    const other = join(makeTemp(), 'other.js');
    linkSync(join(root, 'dist/a.js'), other);
    const notes: string[] = [];
    const beats: Check[] = [];
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    startHeartbeat({
      detector: createDetector({ path: root, settleMs: 100 }),
      intervalMs: 500,
      wake: true,
      onNote: (note) => notes.push(note),
      onBeat: (check) => beats.push(check),
      signal: stop.signal,
    });
    for (const content of ['one', 'two']) {
      await until('a beat', () => beats.at(-1));
      writeFileSync(other, content);
      const { fingerprint } = buildManifestSync(root);
      await until('changed', () => beats.find((c) => c.verdict === 'changed' && c.fingerprint === fingerprint));
    }
    await until('a note', () => notes[0]);
    expect(notes).toEqual([expect.stringContaining('no event')]);
  });
});

describe('a heartbeat that is to be woken', () => {
  it('needs a detector that says where to listen', () => {
    const detector = { check: async () => Promise.reject() };
    const wake = () => startHeartbeat({ detector, wake: true });
    expect(wake).toThrow(expect.objectContaining({ code: 'ERR_DISTPRINT_OPTION' }));
  });
});

/** How many directories the kernel tells this process of (proc_pid_fdinfo(5)). */
function countWatches(): number {
  let count = 0;
  for (const fd of readdirSync('/proc/self/fdinfo')) {
    const at = `/proc/self/fdinfo/${fd}`;
    if (existsSync(at)) count += readFileSync(at, 'utf8').match(/^inotify wd/gm)?.length ?? 0;
  }
  return count;
}

/** As editors and package managers do. */
function replaceBy(path: string, content: string): void {
  const temporary = join(makeTemp(), basename(path));
  writeFileSync(temporary, content);
  renameSync(temporary, path);
}

/** As `ln -sfn` does where it is atomic. */
function repoint(link: string, target: string): void {
  symlinkSync(target, `${link}.new`);
  renameSync(`${link}.new`, link);
}
