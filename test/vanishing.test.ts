import { linkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { toBuiltManifest } from '../src/build.ts';
import { scan } from '../src/scan.ts';
import { PAUSE, runSync } from '../src/steps.ts';
import { drive } from './helpers/drive.ts';
import { contentsOf, errorOf, fingerprintOf } from './helpers/manifest.ts';
import { hasProgram, needs } from './helpers/needs.ts';
import { nodeCommand, run } from './helpers/run.ts';
import { makeDirectory, makePackage } from './helpers/temp.ts';

const replacingChild = fileURLToPath(new URL('./helpers/replacing-child.ts', import.meta.url));

/** Builds the manifest of `root`, with `change` done each time that all is listed and nothing is read yet. */
function buildWhile(root: string, change: (time: number) => void) {
  let times = 0;
  const work = scan(root, {}, null, { filesRead: 0, directoriesRead: 0 });
  const pass = drive(work, (step) => {
    if (step !== PAUSE) change(++times); // the listing is the one step of a pass over small files that is no pause
  });
  return { built: runSync(toBuiltManifest(pass)), times };
}

describe('between listing and reading', () => {
  it('a file that is deleted makes it list again, and is then not there', () => {
    const root = makePackage({ 'dist/a.js': '1', 'dist/b.js': '2' });
    const { built, times } = buildWhile(root, () => rmSync(join(root, 'dist/b.js'), { force: true }));
    expect(times).toBe(2);
    expect(Object.keys(contentsOf(built))).toEqual(['dist/a.js']);
    expect(built.fingerprint).toBe(fingerprintOf(makePackage({ 'dist/a.js': '1' })));
  });

  it('a file that is deleted each time makes it unstable, said of that file, after a bounded number of times', async () => {
    const root = makePackage({ 'dist/a.js': '1' });
    let times = 0;
    const error = await errorOf(() =>
      buildWhile(root, (time) => {
        times = time;
        if (time > 1) rmSync(join(root, `dist/${time - 1}`), { force: true });
        rmSync(join(root, `dist/${time}`), { force: true });
        writeFileSync(join(root, `dist/${time + 1}`), '');
        rmSync(join(root, 'dist/a.js'), { force: true });
      }),
    );
    expect(error.code).toBe('ERR_DISTPRINT_UNSTABLE');
    expect(error.path).toContain(join(root, 'dist/'));
    expect(times).toBeGreaterThan(1);
    expect(times).toBeLessThan(10);
  });

  it('a whole package that npm moves away is not found', async () => {
    const root = makePackage({ 'dist/a.js': '1' });
    const error = await errorOf(() => buildWhile(root, () => renameSync(root, `${root}-moved`)));
    expect(error).toMatchObject({ code: 'ERR_DISTPRINT_NOT_FOUND', path: root });
  });

  it('a file that becomes a link to nothing is then recorded so', () => {
    const root = makeDirectory({ a: '1' });
    const { built } = buildWhile(root, (time) => {
      if (time > 1) return;
      rmSync(join(root, 'a'));
      symlinkSync('gone', join(root, 'a'));
    });
    expect(contentsOf(built).a).toMatch(/^dangling:/);
  });

  it('a file that becomes a directory is then listed as one', () => {
    const root = makeDirectory({ a: '1' });
    const aside = makeDirectory({ 'd/x': '2' });
    const { built } = buildWhile(root, (time) => {
      if (time > 1) return;
      rmSync(join(root, 'a'));
      renameSync(join(aside, 'd'), join(root, 'a'));
    });
    expect(Object.keys(contentsOf(built))).toEqual(['a/x']);
  });

  it('a file that is replaced by another of its name is read as it then is', () => {
    const root = makeDirectory({ a: '1', b: '2' });
    const { built } = buildWhile(root, () => {
      rmSync(join(root, 'a'));
      linkSync(join(root, 'b'), join(root, 'a'));
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
