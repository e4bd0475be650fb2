import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { createDetector, type Detector } from '../../src/change/detector.ts';
import { fingerprintOf } from '../helpers/manifest.ts';
import { hasProgram, isPosix, needs } from '../helpers/needs.ts';
import { makeFifo } from '../helpers/specials.ts';
import { makePackage } from '../helpers/temp.ts';
import { makeSharedTemp, overwriteUnseen, replace, writePackage } from '../helpers/tree.ts';
import { notRacy, settled } from '../helpers/wait.ts';

const SAME = { verdict: 'current', filesRead: 0, directoriesRead: 0 };
const FILES = 5;
const DIRECTORIES = 4;
const files = { 'dist/a.js': 'alpha', 'dist/b/c.js': 'gamma', 'dist/b/d.js': 'delta', 'dist/e/f/g': '', 'dist/h': 'h' };

const temp = makeSharedTemp();
let made = 0;
/** Trees that are old enough for their timestamps to be trusted, made and waited for together. */
const trees = Array.from({ length: 16 }, () => {
  const root = writePackage(join(temp, `${made++}`, 'root'), files);
  utimesSync(join(root, 'dist/b/c.js'), 1_000_000_000, 1_000_000_000); // a time that any tool can set again
  return root;
});
const linked = writePackage(join(temp, 'linked/root'), { ...files, 'package.json': { version: '1', bin: 'gone.js' } });
writePackage(join(temp, 'linked/outside'), { 'one.js': '1', 'deep/two.js': '2' });
mkdirSync(join(temp, 'linked/other'));
const link = (target: string, at: string) => symlinkSync(target, join(linked, 'dist', at));
for (const [target, at] of Object.entries({
  '../../outside': 'out',
  '../../outside/one.js': 'file',
  nowhere: 'dangling',
}))
  link(target, at);
link('..', 'cycle');
if (isPosix) makeFifo(join(linked, 'dist/pipe'));

beforeAll(notRacy);

function take(): { root: string; detector: Detector } {
  const root = trees.pop();
  if (root === undefined) throw new Error('make more trees');
  return { root, detector: createDetector({ path: root, settleMs: 60_000 }) };
}

describe('an unchanged tree', () => {
  it('costs no read of any file or directory, beat after beat', async () => {
    const { detector } = take();
    for (let beat = 0; beat < 3; beat++) {
      expect(detector.checkSync()).toMatchObject(SAME);
      expect(await detector.check()).toMatchObject(SAME);
    }
  });

  it('costs none either with links, cycles, pipes and files that bin names in vain', async () => {
    const detector = createDetector({ path: linked });
    expect(detector.checkSync()).toMatchObject(SAME);
    expect(await detector.check()).toMatchObject(SAME);
  });

  it('costs none either where it is one executable', async () => {
    const { root } = take();
    const detector = createDetector({ path: join(root, 'dist/a.js') });
    expect(detector.checkSync()).toMatchObject(SAME);
    expect(await detector.check()).toMatchObject(SAME);
  });

  it('that was just written is read again until its timestamps can be trusted, and then never', async () => {
    const detector = createDetector({ path: makePackage(files) });
    expect(detector.checkSync()).toMatchObject({ verdict: 'current', filesRead: FILES });
    await notRacy();
    expect(detector.checkSync()).toMatchObject({ verdict: 'current', filesRead: FILES });
    expect(detector.checkSync()).toMatchObject(SAME);
  });
});

describe('a content that changes is seen', () => {
  const edits: [string, (path: string) => void][] = [
    ['an edit', (path) => writeFileSync(path, 'gamma ray')],
    ['an edit of the same size with its mtime restored', (path) => overwriteUnseen(path, 'gamna')],
    ['another file of the same size and mtime in its place', (path) => replace(path, 'gamna')],
  ];
  it.each(edits)('by %s', async (_, edit) => {
    const { root, detector } = take();
    const { mtimeMs } = statSync(join(root, 'dist/b/c.js'));
    edit(join(root, 'dist/b/c.js'));
    if (edit !== edits[0]?.[1]) expect(statSync(join(root, 'dist/b/c.js')).mtimeMs).toBe(mtimeMs);
    const check = detector.checkSync();
    expect(check).toMatchObject({ verdict: 'settling', fingerprint: fingerprintOf(root), filesRead: 1 });
    expect(check.fingerprint).not.toBe(detector.baseline.fingerprint);
  });

  it('and only the file that was edited is read, and no directory', async () => {
    const { root, detector } = take();
    writeFileSync(join(root, 'dist/h'), 'H');
    expect(await detector.check()).toMatchObject({ verdict: 'settling', filesRead: 1, directoriesRead: 0 });
  });

  it('where it is written right after it was read, within one tick of the clock', async () => {
    const root = makePackage(files);
    const detector = createDetector({ path: root, settleMs: 1 });
    for (let i = 0; i < 200; i++) {
      writeFileSync(join(root, 'dist/a.js'), i % 2 === 0 ? 'ALPHA' : 'Alpha');
      expect(detector.checkSync().fingerprint).not.toBe(detector.baseline.fingerprint);
      writeFileSync(join(root, 'dist/a.js'), 'alpha');
      expect(detector.checkSync().fingerprint).toBe(detector.baseline.fingerprint);
    }
  });

  needs('python3, for mmap', hasProgram('python3'))('through mmap, flushed by nobody', async () => {
    const { root, detector } = take();
    const script = 'import mmap,sys\nf=open(sys.argv[1],"r+b")\nmmap.mmap(f.fileno(),0)[0:1]=b"G"';
    execFileSync('python3', ['-c', script, join(root, 'dist/b/c.js')]);
    expect(detector.checkSync()).toMatchObject({ verdict: 'settling', fingerprint: fingerprintOf(root), filesRead: 1 });
  });

  it('when the clock was set back: everything is read again, once', async () => {
    const { detector } = take();
    expect(detector.checkSync()).toMatchObject(SAME);
    const { now } = Date;
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() - 60_000 * 60);
    try {
      expect(detector.checkSync()).toMatchObject({ filesRead: FILES, directoriesRead: DIRECTORIES });
    } finally {
      clock.mockRestore();
    }
    expect(await detector.check()).toMatchObject({ verdict: 'current', filesRead: FILES });
    expect(await detector.check()).toMatchObject(SAME);
  });
});

describe('an entry that comes or goes is seen', () => {
  it('and only its directory is listed again', () => {
    const { root, detector } = take();
    writeFileSync(join(root, 'dist/b/new.js'), 'new');
    const check = detector.checkSync();
    expect(check).toMatchObject({ verdict: 'settling', fingerprint: fingerprintOf(root), filesRead: 1 });
    expect(check.directoriesRead).toBeGreaterThan(0);
    expect(check.directoriesRead).toBeLessThanOrEqual(2); // to compare it, and then to list it
  });

  it.each<[string, (root: string) => void]>([
    ['a file removed', (root) => unlinkSync(join(root, 'dist/h'))],
    ['a file renamed', (root) => renameSync(join(root, 'dist/h'), join(root, 'dist/i'))],
    ['a directory of the same entries elsewhere', (root) => renameSync(join(root, 'dist/b'), join(root, 'dist/e/b'))],
  ])('%s', (_, change) => {
    const { root, detector } = take();
    change(root);
    const check = detector.checkSync();
    expect(check.fingerprint).toBe(fingerprintOf(root));
    expect(check.fingerprint).not.toBe(detector.baseline.fingerprint);
    expect(check.filesRead).toBeLessThan(FILES);
  });

  it('at a path that bin names, once it comes', async () => {
    const detector = createDetector({ path: linked, settleMs: 1 });
    writeFileSync(join(linked, 'gone.js'), '');
    try {
      expect(await settled(detector)).toMatchObject({ verdict: 'changed', changes: { added: ['gone.js'] } });
    } finally {
      rmSync(join(linked, 'gone.js'));
    }
  });
});

function touchAll(root: string): void {
  const now = new Date();
  for (const path of ['package.json', ...Object.keys(files)]) utimesSync(join(root, path), now, now);
}

describe('what changes no content is current', () => {
  it.each<[string, (root: string) => void, number]>([
    ['touch of every file', (root) => void touchAll(root), FILES],
    ['utimes to long ago', (root) => utimesSync(join(root, 'dist/a.js'), 1, 1), 1],
    ['chmod', (root) => chmodSync(join(root, 'dist/a.js'), 0o755), 1],
    ['a hard link', (root) => linkSync(join(root, 'dist/a.js'), join(root, 'store')), 1],
  ])('%s: only that is read again', (_, change, filesRead) => {
    const { root, detector } = take();
    change(root);
    expect(detector.checkSync()).toMatchObject({ verdict: 'current', filesRead });
  });
});
