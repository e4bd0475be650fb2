import { linkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { toBuiltManifest } from '../../src/manifest/build.ts';
import { holdsStill, type Scan, scan } from '../../src/scan/scan.ts';
import { PAUSE, runSync } from '../../src/steps.ts';
import { drive } from '../helpers/drive.ts';
import { itWithLinks } from '../helpers/links.ts';
import { contentsOf, errorOf, fingerprintOf } from '../helpers/manifest.ts';
import { hasProgram, needs } from '../helpers/needs.ts';
import { nodeCommand, run } from '../helpers/run.ts';
import { makeDirectory, makePackage, writeTree } from '../helpers/temp.ts';
import { notRacy } from '../helpers/wait.ts';

const replacingChild = fileURLToPath(new URL('../helpers/replacing-child.ts', import.meta.url));

/** What is done in the midst of a pass, each time that it comes by; `time` counts from 1. */
interface Changes {
  /** When it has been made out what counts. */
  beforeListing?(time: number): void;
  /** When all is listed, and nothing is read yet. */
  afterListing?(time: number): void;
}

function scanWhile(root: string, { beforeListing, afterListing }: Changes, previous: Scan | null = null) {
  let times = 0;
  const { pass } = drive(
    scan(root, {}, previous),
    (step) => {
      if (step !== PAUSE) afterListing?.(times);
    },
    (step) => {
      if (step === PAUSE) return; // the listing is the one step of a pass over small files that is none
      times++;
      beforeListing?.(times);
    },
  );
  return { pass, times };
}

function buildWhile(root: string, changes: Changes) {
  const { pass, times } = scanWhile(root, changes);
  return { built: runSync(toBuiltManifest(pass)), times };
}

describe('between the look for a `dist` and listing', () => {
  const sources = { 'src/a.ts': '1' };
  const built = { ...sources, 'dist/a.js': '2' };
  const removeDist = (root: string) => rmSync(join(root, 'dist'), { recursive: true, force: true });

  it('a `dist` that comes is what counts', () => {
    const root = makePackage(sources);
    const { built: manifest, times } = buildWhile(root, { beforeListing: () => writeTree(root, built) });
    expect(times).toBe(2);
    expect(Object.keys(contentsOf(manifest))).toEqual(['dist/a.js']);
  });

  it('a `dist` that goes leaves the whole package to count', () => {
    const root = makePackage(built);
    const { built: manifest, times } = buildWhile(root, { beforeListing: () => removeDist(root) });
    expect(times).toBe(2);
    expect(Object.keys(contentsOf(manifest))).toEqual(['src/a.ts']);
  });

  it('a `dist` that comes or goes each time makes it unstable, after a bounded number of times', async () => {
    const root = makePackage(sources);
    const error = await errorOf(() =>
      buildWhile(root, { beforeListing: (time) => (time % 2 === 1 ? writeTree(root, built) : removeDist(root)) }),
    );
    expect(error).toMatchObject({ code: 'ERR_DISTPRINT_UNSTABLE', path: root });
  });

  it('a `dist` that goes, is back when all is listed, and then goes for good: the pass does not hold, and the next one sees it', async () => {
    const root = makePackage(built);
    await notRacy(); // else the package.json would be read again, and its `dist` be looked for
    const { pass, times } = scanWhile(root, {
      beforeListing: () => removeDist(root),
      afterListing: () => writeTree(root, built),
    });
    expect(times).toBe(1);
    removeDist(root);
    expect(runSync(holdsStill(pass))).toBe(false);
    expect(scanWhile(root, {}, pass).pass.listing.files).toEqual(['src/a.ts']);
  });
});

describe('between listing and reading', () => {
  it('a file that is deleted makes it list again, and is then not there', () => {
    const root = makePackage({ 'dist/a.js': '1', 'dist/b.js': '2' });
    const { built, times } = buildWhile(root, { afterListing: () => rmSync(join(root, 'dist/b.js'), { force: true }) });
    expect(times).toBe(2);
    expect(Object.keys(contentsOf(built))).toEqual(['dist/a.js']);
    expect(built.fingerprint).toBe(fingerprintOf(makePackage({ 'dist/a.js': '1' })));
  });

  it('a file that is deleted each time makes it unstable, said of that file, after a bounded number of times', async () => {
    const root = makePackage({ 'dist/a.js': '1' });
    let times = 0;
    const error = await errorOf(() =>
      buildWhile(root, {
        afterListing(time) {
          times = time;
          if (time > 1) rmSync(join(root, `dist/${time - 1}`), { force: true });
          rmSync(join(root, `dist/${time}`), { force: true });
          writeFileSync(join(root, `dist/${time + 1}`), '');
          rmSync(join(root, 'dist/a.js'), { force: true });
        },
      }),
    );
    expect(error.code).toBe('ERR_DISTPRINT_UNSTABLE');
    expect(error.path).toContain(join(root, 'dist/'));
    expect(times).toBeGreaterThan(1);
    expect(times).toBeLessThan(10);
  });

  it('a whole package that npm moves away is not found', async () => {
    const root = makePackage({ 'dist/a.js': '1' });
    const error = await errorOf(() => buildWhile(root, { afterListing: () => renameSync(root, `${root}-moved`) }));
    expect(error).toMatchObject({ code: 'ERR_DISTPRINT_NOT_FOUND', path: root });
  });

  itWithLinks('a file that becomes a link to nothing is then recorded so', () => {
    const root = makeDirectory({ a: '1' });
    const { built } = buildWhile(root, {
      afterListing(time) {
        if (time > 1) return;
        rmSync(join(root, 'a'));
        symlinkSync('gone', join(root, 'a'));
      },
    });
    expect(contentsOf(built).a).toMatch(/^dangling:/);
  });

  it('a file that becomes a directory is then listed as one', () => {
    const root = makeDirectory({ a: '1' });
    const aside = makeDirectory({ 'd/x': '2' });
    const { built } = buildWhile(root, {
      afterListing(time) {
        if (time > 1) return;
        rmSync(join(root, 'a'));
        renameSync(join(aside, 'd'), join(root, 'a'));
      },
    });
    expect(Object.keys(contentsOf(built))).toEqual(['a/x']);
  });

  it('a file that is replaced by another of its name is read as it then is', () => {
    const root = makeDirectory({ a: '1', b: '2' });
    const { built } = buildWhile(root, {
      afterListing() {
        rmSync(join(root, 'a'));
        linkSync(join(root, 'b'), join(root, 'a'));
      },
    });
    expect(built.fingerprint).toBe(fingerprintOf(makeDirectory({ a: '2', b: '2' })));
  });

  needs('mkfifo', hasProgram('mkfifo'))('a file that becomes a FIFO is not waited for', async () => {
    const root = makeDirectory({ a: '1', b: '2' });
    const { code, stdout, stderr } = await run([...nodeCommand, replacingChild, root]); // killed where it hangs
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(`fifo ${fingerprintOf(root)}`);
  });
});
