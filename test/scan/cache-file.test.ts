import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createDetector, type Detector, type DetectorOptions } from '../../src/change/detector.ts';
import { fingerprintOf } from '../helpers/manifest.ts';
import { hasProgram, isPosix, onlyWith } from '../helpers/needs.ts';
import { makeFifo } from '../helpers/specials.ts';
import { talkToLoop } from '../helpers/talk.ts';
import { makePackage, makeTemp, writeTree } from '../helpers/temp.ts';
import { makeSharedTemp, overwriteUnseen, writePackage } from '../helpers/tree.ts';
import { notRacy, settled } from '../helpers/wait.ts';

const files = { 'dist/a.js': 'alpha', 'dist/b/c.js': 'gamma', 'dist/b/d.js': 'delta' };
const FILES = 3;

const temp = makeSharedTemp();
const root = writePackage(join(temp, 'root'), files);
const strange = writePackage(join(temp, 'strange'), {
  ...files,
  'dist/spaced \u00e9\u20ac\ud83d\ude00/.hidden': '4',
  ...(isPosix && {
    'dist/new\nline': '1',
    'dist/back\\slash': '2',
    'dist/carriage\rreturn\n': '3',
    'dist/x\n/y\\/z': '5',
  }),
});
if (isPosix) {
  const bytes = (name: number[]) => Buffer.concat([Buffer.from(`${strange}/dist/`), Buffer.from(name)]);
  writeFileSync(bytes([0x66, 0xff, 0xfe]), 'not UTF-8');
  writeFileSync(bytes([0x66, 0xc3]), 'cut off');
  mkdirSync(bytes([0x64, 0x80]));
  for (const [target, at] of Object.entries({
    'a.js': 'file',
    b: 'directory',
    'no\nwhere\\': 'dangling',
    '..': 'cycle',
  }))
    symlinkSync(target, join(strange, 'dist', at));
  symlinkSync(Buffer.from([0xff]), join(strange, 'dist/odd'));
  if (hasProgram('mkfifo')) makeFifo(join(strange, 'dist/pipe'));
}
const cacheFile = join(temp, 'cache');
let baseline: Detector['baseline'];

/** What a fresh process has: nothing but the baseline, told by whom it trusts, and the cache file. */
const fresh = (options: Partial<DetectorOptions> = {}) =>
  createDetector({ path: root, baseline, cacheFile, ...options });

beforeAll(async () => {
  await notRacy();
  const detector = createDetector({ path: root, cacheFile });
  await settled(detector);
  baseline = detector.baseline;
});

describe('a fresh process with a cache file', () => {
  it('answers with stats alone', async () => {
    for (const way of ['check', 'checkSync'] as const) {
      const { ask } = await talkToLoop();
      expect(await ask({ do: 'create', options: { path: root, cacheFile, baseline } })).toMatchObject({ notes: [] });
      expect(await ask({ do: way })).toMatchObject({ verdict: 'current', filesRead: 0, directoriesRead: 0, notes: [] });
    }
  });

  it('takes the same baseline with it as without', () => {
    const cached = createDetector({ path: root, cacheFile });
    expect(cached.notes).toEqual([]);
    expect(cached.baseline).toEqual(createDetector({ path: root }).baseline);
    expect(cached.baseline).toEqual(baseline);
  });

  it('reads what has moved since, and no more', async () => {
    const path = writePackage(join(makeTemp(), 'root'), files);
    const file = join(makeTemp(), 'cache');
    await notRacy();
    const first = createDetector({ path, cacheFile: file });
    expect(first.checkSync().verdict).toBe('current');
    overwriteUnseen(join(path, 'dist/a.js'), 'ALPHA');
    const check = createDetector({ path, cacheFile: file, baseline: first.baseline, settleMs: 60_000 }).checkSync();
    expect(check).toMatchObject({ verdict: 'settling', fingerprint: fingerprintOf(path), filesRead: 1 });
  });

  it('reads again what was saved while it was too young, and sees a write within one tick of the clock', async () => {
    const path = makePackage(files);
    const file = join(makeTemp(), 'cache');
    const options = { path, cacheFile: file, settleMs: 1 };
    const first = createDetector(options);
    expect(first.checkSync()).toMatchObject({ verdict: 'current' });
    overwriteUnseen(join(path, 'dist/a.js'), 'ALPHA');
    const second = createDetector({ ...options, baseline: first.baseline });
    expect(second.checkSync()).toMatchObject({ fingerprint: fingerprintOf(path) });
    expect(await settled(second)).toMatchObject({ verdict: 'changed', changes: { changed: ['dist/a.js'] } });
  });

  it('finds names of any bytes, links and specials as they were', async () => {
    const file = join(makeTemp(), 'cache');
    const cold = createDetector({ path: strange, cacheFile: file });
    expect((await settled(cold)).verdict).toBe('current');
    const again = { path: strange, cacheFile: file, baseline: cold.baseline };
    expect(createDetector(again).checkSync()).toMatchObject({ verdict: 'current', filesRead: 0, directoriesRead: 0 });
    expect(createDetector({ path: strange, cacheFile: file }).baseline).toEqual(
      createDetector({ path: strange }).baseline,
    );
    const [name, written] = isPosix ? ['dist/x\n/new\\', 'dist/x\\n/new\\\\'] : ['dist/new', 'dist/new'];
    writeTree(strange, { [name]: 'new' });
    const changed = createDetector({ ...again, settleMs: 1 });
    expect(await settled(changed)).toMatchObject({
      fingerprint: fingerprintOf(strange),
      changes: { added: [written], removed: [], changed: [] },
    });
  });
});

describe('a cache file is written', () => {
  onlyWith('POSIX modes', isPosix)('for its owner alone', () => {
    const file = join(makeTemp(), 'cache');
    createDetector({ path: root, cacheFile: file });
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('of what has settled only: a torn tree leaves the one before', async () => {
    const path = makePackage(files);
    const file = join(makeTemp(), 'cache');
    const detector = createDetector({ path, cacheFile: file, settleMs: 60_000 });
    detector.checkSync();
    const before = readFileSync(file);
    writeTree(path, { 'dist/a.js': 'torn' });
    expect((await detector.check()).verdict).toBe('settling');
    expect(readFileSync(file)).toEqual(before);
  });

  it.each([
    ['in a directory that is not there', () => join(makeTemp(), 'none/cache')],
    ['below a file', () => join(root, 'package.json/cache')],
    ['in the place of a directory', () => makeTemp()],
  ])('or else a note says why not, and the answer is right: %s', async (_, place) => {
    const path = place();
    const detector = fresh({ cacheFile: path });
    expect(detector.checkSync()).toMatchObject({ verdict: 'current', filesRead: FILES });
    expect((await detector.check()).verdict).toBe('current');
    expect(detector.notes.join()).toContain(path);
    expect(detector.notes.length).toBeLessThanOrEqual(2); // one for reading it, one for writing it
  });
});
