import { mkdirSync, renameSync, rmdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { createDetector } from '../../src/change/detector.ts';
import { buildManifestSync } from '../../src/manifest/build.ts';
import { distprint } from '../helpers/cli.ts';
import { itWithJunctions, itWithLinks } from '../helpers/links.ts';
import { contentsOf, errorOf, fingerprintOf, pathsOf } from '../helpers/manifest.ts';
import { hasProgram, isPosix, needs } from '../helpers/needs.ts';
import { run } from '../helpers/run.ts';
import { makeDirectory, makePackage } from '../helpers/temp.ts';
import { settled } from '../helpers/wait.ts';

/** In a process of its own, which is killed where it hangs. */
async function contentsOfTree(root: string): Promise<Record<string, string>> {
  const { code, stdout, stderr } = await distprint(['manifest', root]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const entries = stdout.split('\n').slice(5, -2);
  return Object.fromEntries(entries.map((line) => line.split('  ').reverse() as [string, string]));
}

describe('a link to a file', () => {
  itWithLinks('gives the fingerprint of a copy of that file, however many links lead there', () => {
    const linked = makeDirectory({ a: 'content' });
    symlinkSync('c', join(linked, 'b'));
    symlinkSync(join(linked, 'a'), join(linked, 'c'));
    expect(fingerprintOf(linked)).toBe(fingerprintOf(makeDirectory({ a: 'content', b: 'content', c: 'content' })));
  });

  itWithLinks('that lies outside is seen when that file changes', () => {
    const outside = makeDirectory({ file: 'one' });
    const root = makePackage({ 'dist/a': '' });
    symlinkSync(join(outside, 'file'), join(root, 'dist/link'));
    const before = fingerprintOf(root);
    writeFileSync(join(outside, 'file'), 'two');
    expect(fingerprintOf(root)).not.toBe(before);
  });
});

describe('a link to a directory', () => {
  itWithLinks('gives the fingerprint of a copy of all below it', () => {
    const outside = makeDirectory({ 'x/y': '1', z: '2' });
    const root = makeDirectory({ a: '' });
    symlinkSync(outside, join(root, 'd'));
    expect(fingerprintOf(root)).toBe(fingerprintOf(makeDirectory({ a: '', 'd/x/y': '1', 'd/z': '2' })));
  });

  itWithLinks('may be dist itself', () => {
    const root = makePackage({ 'build/a.js': '1', 'src/b.ts': '' });
    symlinkSync('build', join(root, 'dist'));
    expect(fingerprintOf(root)).toBe(fingerprintOf(makePackage({ 'dist/a.js': '1' })));
  });

  itWithLinks('beside it is followed twice over where two links lead there: that is no cycle', () => {
    const root = makeDirectory({ 'real/f': '1' });
    symlinkSync('real', join(root, 'one'));
    symlinkSync('one', join(root, 'two'));
    expect(pathsOf(root)).toEqual(['one/f', 'real/f', 'two/f']);
  });
});

describe('a junction', () => {
  itWithJunctions('gives the fingerprint of a copy of all below it, as a link does', () => {
    const outside = makeDirectory({ 'x/y': '1', z: '2' });
    const root = makeDirectory({ a: '' });
    symlinkSync(outside, join(root, 'd'), 'junction');
    expect(fingerprintOf(root)).toBe(fingerprintOf(makeDirectory({ a: '', 'd/x/y': '1', 'd/z': '2' })));
  });

  itWithJunctions('may be the way to what is looked at: repointed, it leads to other code', async () => {
    const [one, two] = ['1', '2'].map((content) => makePackage({ 'dist/a.js': content })) as [string, string];
    const current = join(makeDirectory({}), 'current');
    symlinkSync(one, current, 'junction');
    const detector = createDetector({ path: current, settleMs: 100 });
    expect(detector.baseline.fingerprint).toBe(fingerprintOf(one));
    rmdirSync(current);
    symlinkSync(two, current, 'junction');
    expect(await settled(detector)).toMatchObject({ verdict: 'changed', fingerprint: fingerprintOf(two) });
  });

  itWithJunctions('to a folder that it lies in never hangs', async () => {
    const root = makeDirectory({ 'a/f': '1' });
    symlinkSync(root, join(root, 'a/up'), 'junction');
    expect((await contentsOfTree(root))['a/up']).toMatch(/^cycle:/);
  });
});

describe('a cycle never hangs, and is recorded as `cycle:` with the hash of the text of the link', () => {
  itWithLinks.each([
    ['to its own directory', 'd/loop', '.'],
    ['to the directory above', 'd/loop', '..'],
    ['to itself', 'loop', 'loop'],
    ['to the parent of the root', 'loop', '..'],
    ['to the parent of the root, from below', 'd/loop', '../..'],
    ['to /', 'loop', '/'],
  ])('%s', async (_, path, target) => {
    const root = makeDirectory({ 'd/f': '' });
    symlinkSync(target, join(root, path));
    const contents = await contentsOfTree(root);
    expect(Object.keys(contents).sort()).toEqual(['d/f', path].sort());
    expect(contents[path]).toMatch(/^cycle:[0-9a-f]{16}$/);
  });

  itWithLinks('of two links that lead to each other', async () => {
    const root = makeDirectory({});
    symlinkSync('b', join(root, 'a'));
    symlinkSync('a', join(root, 'b'));
    const contents = await contentsOfTree(root);
    expect(Object.keys(contents)).toEqual(['a', 'b']);
    expect(contents.a).toMatch(/^cycle:/);
    expect(contents.a).not.toBe(contents.b); // the texts of the links differ
  });

  itWithLinks('of directories with links to each other', async () => {
    const root = makeDirectory({ 'a/f': '', 'b/g': '' });
    symlinkSync('../b', join(root, 'a/x'));
    symlinkSync('../a', join(root, 'b/y'));
    const contents = await contentsOfTree(root);
    expect(Object.keys(contents)).toEqual(['a/f', 'a/x/g', 'a/x/y', 'b/g', 'b/y/f', 'b/y/x']);
    expect(contents['a/x/y']).toMatch(/^cycle:/);
    expect(contents['b/y/x']).toMatch(/^cycle:/);
  });

  itWithLinks('seen through a link to the root', async () => {
    const root = makeDirectory({ f: '' });
    symlinkSync('.', join(root, 'loop'));
    const entrance = join(makeDirectory({}), 'entrance');
    symlinkSync(root, entrance);
    expect(await contentsOfTree(entrance)).toEqual(await contentsOfTree(root));
  });

  itWithLinks('in the place of the root: then nothing is there', async () => {
    const loop = join(makeDirectory({}), 'loop');
    symlinkSync('loop', loop);
    expect(await distprint([loop])).toMatchObject({ code: 2, stderr: expect.stringContaining('lead in a loop') });
    expect(await errorOf(() => fingerprintOf(loop))).toMatchObject({ code: 'ERR_DISTPRINT_NOT_FOUND', path: loop });
  });

  itWithLinks('below which a glob names something: nothing is there', () => {
    const root = makeDirectory({ a: '' });
    symlinkSync('loop', join(root, 'loop'));
    expect(pathsOf(root, { include: ['a', 'loop/b/**', 'loop/c'] })).toEqual(['a']);
  });

  itWithLinks('where dist leads to itself: the package then has no dist', async () => {
    const root = makePackage({ a: '' });
    symlinkSync('dist', join(root, 'dist'));
    const contents = await contentsOfTree(root);
    expect(Object.keys(contents)).toEqual(['a', 'dist']);
    expect(contents.dist).toMatch(/^cycle:/);
  });

  itWithLinks('where dist leads to the package: every path through it ends', async () => {
    const root = makePackage({ a: '' });
    symlinkSync('.', join(root, 'dist'));
    expect((await distprint([root])).code).toBe(0);
  });
});

describe('a link to nothing', () => {
  itWithLinks('is recorded as `dangling:`, and another text is another fingerprint', () => {
    const dangling = (target: string) => {
      const root = makeDirectory({ f: '' });
      symlinkSync(target, join(root, 'link'));
      return buildManifestSync(root);
    };
    const one = dangling('gone');
    expect(contentsOf(one).link).toMatch(/^dangling:[0-9a-f]{16}$/);
    expect(dangling('gone').fingerprint).toBe(one.fingerprint);
    expect(dangling('gone2').fingerprint).not.toBe(one.fingerprint);
    expect(contentsOf(dangling('f/below-a-file')).link).toMatch(/^dangling:/);
  });

  itWithLinks('becomes a file when what it names comes', () => {
    const root = makeDirectory({});
    symlinkSync('soon', join(root, 'link'));
    const before = fingerprintOf(root);
    writeFileSync(join(root, 'elsewhere'), '1');
    renameSync(join(root, 'elsewhere'), join(root, 'soon'));
    expect(fingerprintOf(root)).toBe(fingerprintOf(makeDirectory({ soon: '1', link: '1' })));
    expect(fingerprintOf(root)).not.toBe(before);
  });

  needs('xxhsum', isPosix && hasProgram('xxhsum'))('is hashed as `readlink -n LINK | xxhsum -H64` says', async () => {
    const root = makeDirectory({});
    const target = Buffer.from('where/\xff/é\n', 'latin1');
    symlinkSync(target, join(root, 'link'));
    const { stdout } = await run(['sh', '-c', 'readlink -n link | xxhsum -H64'], { cwd: root });
    expect(contentsOf(buildManifestSync(root)).link).toBe(`dangling:${stdout.slice(0, 16)}`);
  });
});

itWithLinks('a directory below a link may be left out', () => {
  const root = makeDirectory({ a: '' });
  const outside = makeDirectory({ 'deep/x': '' });
  mkdirSync(join(root, 'd'));
  symlinkSync(outside, join(root, 'd/link'));
  expect(pathsOf(root, { exclude: ['d/link/deep'] })).toEqual(['a']);
});
