import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildManifestSync } from '../../src/manifest/build.ts';
import { errorOf, fingerprintOf, pathsOf } from '../helpers/manifest.ts';
import { makeDirectory, makePackage, writeTree } from '../helpers/temp.ts';

describe('a package', () => {
  it('with a dist is covered by dist/** alone, dot files included', () => {
    const root = makePackage({
      'dist/index.js': '',
      'dist/.hidden': '',
      'dist/a/b/c.js': '',
      'src/index.ts': '',
      'README.md': '',
    });
    expect(pathsOf(root)).toEqual(['dist/.hidden', 'dist/a/b/c.js', 'dist/index.js']);
  });

  it('without a dist is covered by every file', () => {
    const root = makePackage({ 'index.js': '', 'lib/a.js': '', '.npmrc': '' });
    expect(pathsOf(root)).toEqual(['.npmrc', 'index.js', 'lib/a.js']);
  });

  it('says its kind, name and version', () => {
    expect(buildManifestSync(makePackage({ 'dist/a': 'abc' }))).toMatchObject({
      kind: 'package',
      name: 'example',
      version: '1.2.3',
      include: null,
      exclude: [],
      bytes: 3,
    });
  });

  it('may have no name and no version', () => {
    const root = makePackage({ 'package.json': {}, 'dist/a': '' });
    expect(buildManifestSync(root)).toMatchObject({ kind: 'package', name: null, version: null });
  });

  it('is not found without its package.json, where a package is insisted on', async () => {
    const root = makeDirectory({ 'dist/a': '' });
    const error = await errorOf(() => buildManifestSync(root, { kind: 'package' }));
    expect(error.code).toBe('ERR_DISTPRINT_NOT_FOUND');
    expect(error.path).toBe(root);
  });
});

describe("package.json's", () => {
  const dist = { 'dist/index.js': 'x' };

  it.each([
    ['no line break', '{"name":"example","version":"1.2.3"}'],
    ['tabs', '{\n\t"version": "1.2.3",\n\t"name": "example"\n}\n'],
    ['another name', '{"name":"other","version":"1.2.3"}'],
    ['no name', '{"version":"1.2.3"}'],
    ['other fields', '{"name":"example","version":"1.2.3","scripts":{"a":"b"},"_resolved":"x","main":"dist/index.js"}'],
    ['a bin within dist', '{"name":"example","version":"1.2.3","bin":"dist/index.js"}'],
  ])('other formatting or fields make no new fingerprint: %s', (_, text) => {
    expect(fingerprintOf(makePackage({ ...dist, 'package.json': text }))).toBe(fingerprintOf(makePackage(dist)));
  });

  it('version makes a new fingerprint', () => {
    const next = makePackage({ ...dist, 'package.json': { name: 'example', version: '1.2.4' } });
    expect(fingerprintOf(next)).not.toBe(fingerprintOf(makePackage(dist)));
  });

  it('absence of a version is another fingerprint than any version', () => {
    const without = fingerprintOf(makePackage({ ...dist, 'package.json': {} }));
    for (const version of ['', 'null', '0.0.0']) {
      expect(fingerprintOf(makePackage({ ...dist, 'package.json': { version } }))).not.toBe(without);
    }
  });

  it('content is never an entry, not even where include or bin names it', () => {
    const root = makePackage({ 'package.json': { version: '1', bin: './package.json' }, 'a.js': '' });
    expect(pathsOf(root)).toEqual(['a.js']);
    expect(pathsOf(root, { include: ['package.json', '*', './package.json'] })).toEqual(['a.js']);
  });

  it('namesakes further down are files like any other', () => {
    expect(pathsOf(makePackage({ 'dist/package.json': '{}', 'dist/esm/package.json': '{}' }))).toEqual([
      'dist/esm/package.json',
      'dist/package.json',
    ]);
  });
});

describe('node_modules and .git', () => {
  const noise = {
    'node_modules/.bin/x': '',
    'lib/node_modules/y/index.js': '',
    '.git/HEAD': '',
    'lib/.git/config': '',
  };

  it('never count in a package, at any depth', () => {
    const root = makePackage({ 'index.js': '', 'lib/a.js': '', ...noise });
    expect(pathsOf(root)).toEqual(['index.js', 'lib/a.js']);
    expect(pathsOf(root, { include: ['**/*'] })).toEqual(['index.js', 'lib/a.js']);
    expect(pathsOf(root, { include: ['node_modules/.bin/x', 'lib/node_modules', '.git/HEAD'] })).toEqual([]);
  });

  it('never count below dist, and may come after the install', () => {
    const root = makePackage({ 'dist/a.js': '' });
    const before = fingerprintOf(root);
    writeTree(root, { 'node_modules/.bin/x': '', 'dist/node_modules/z.js': '', 'dist/.git/HEAD': '' });
    expect(fingerprintOf(root)).toBe(before);
  });

  it('never count where bin names a file in them', () => {
    const root = makePackage({ 'package.json': { bin: 'node_modules/a/cli.js' }, 'node_modules/a/cli.js': '', b: '' });
    expect(pathsOf(root)).toEqual(['b']);
  });

  it('are passed over by name alone: a name that only starts so counts', () => {
    expect(pathsOf(makePackage({ node_modules2: '', '.gitignore': '', 'lib/.github/x': '' }))).toEqual([
      '.gitignore',
      'lib/.github/x',
      'node_modules2',
    ]);
  });
});

describe('a plain directory', () => {
  it('is covered by every file, and has neither name nor version', () => {
    const root = makeDirectory({ a: '', '.b': '', 'c/d/e': '', 'node_modules/f': '', '.git/HEAD': '' });
    const built = buildManifestSync(root);
    expect(built).toMatchObject({ kind: 'directory', name: null, version: null });
    expect(built.entries.map(({ path }) => path)).toEqual(['.b', '.git/HEAD', 'a', 'c/d/e', 'node_modules/f']);
  });

  it('may be empty', () => {
    expect(buildManifestSync(makeDirectory({})).entries).toEqual([]);
  });

  it('can be insisted on though a package.json is there, which then is a file like any other', () => {
    const built = buildManifestSync(makePackage({ 'dist/a': '' }), { kind: 'directory' });
    expect(built).toMatchObject({ kind: 'directory', version: null });
    expect(built.entries.map(({ path }) => path)).toEqual(['dist/a', 'package.json']);
  });

  it('has no entry for an empty directory', () => {
    const root = makeDirectory({ a: '' });
    const before = fingerprintOf(root);
    mkdirSync(join(root, 'empty'));
    expect(fingerprintOf(root)).toBe(before);
  });
});

describe('an executable', () => {
  it('is covered by its content: its name and place do not count', () => {
    const root = makeDirectory({ 'bin/prog': 'content', other: 'content' });
    const built = buildManifestSync(join(root, 'bin/prog'));
    expect(built).toMatchObject({ kind: 'executable', name: null, version: null, bytes: 7 });
    expect(built.entries.map(({ path }) => path)).toEqual(['.']);
    expect(fingerprintOf(join(root, 'other'))).toBe(built.fingerprint);
    writeFileSync(join(root, 'other'), 'Content');
    expect(fingerprintOf(join(root, 'other'))).not.toBe(built.fingerprint);
  });

  it('is no package and no directory', async () => {
    const root = makeDirectory({ prog: '' });
    for (const kind of ['package', 'directory'] as const) {
      const error = await errorOf(() => buildManifestSync(join(root, 'prog'), { kind }));
      expect(error.code).toBe('ERR_DISTPRINT_NOT_FOUND');
    }
  });
});

it('content, path and their pairing each count', () => {
  const of = (a: string, b: string) => fingerprintOf(makeDirectory({ [a]: '1', [b]: '2' }));
  const fingerprints = [of('a', 'b'), of('b', 'a'), of('a', 'c')];
  expect(new Set(fingerprints).size).toBe(3);
  const root = makeDirectory({ a: '1', b: '2' });
  renameSync(join(root, 'b'), join(root, 'c'));
  expect(fingerprintOf(root)).toBe(fingerprints[2]);
});
