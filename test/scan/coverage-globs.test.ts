import { describe, expect, it } from 'vitest';
import { buildManifestSync } from '../../src/manifest/build.ts';
import { errorOf, fingerprintOf, pathsOf } from '../helpers/manifest.ts';
import { makeDirectory, makePackage } from '../helpers/temp.ts';

const files = {
  'dist/a.js': '',
  'dist/a.js.map': '',
  'dist/sub/b.js': '',
  'lib/c.js': '',
  'lib/d/e.js': '',
  'f.md': '',
};

describe('include', () => {
  it.each([
    [['**/*'], ['dist/a.js', 'dist/a.js.map', 'dist/sub/b.js', 'f.md', 'lib/c.js', 'lib/d/e.js']],
    [['lib/**'], ['lib/c.js', 'lib/d/e.js']],
    [['lib'], ['lib/c.js', 'lib/d/e.js']],
    [['lib/'], ['lib/c.js', 'lib/d/e.js']],
    [['./lib'], ['lib/c.js', 'lib/d/e.js']],
    [['li?'], ['lib/c.js', 'lib/d/e.js']],
    [['**/sub'], ['dist/sub/b.js']],
    [['lib/c.js'], ['lib/c.js']],
    [
      ['*.md', 'lib/*.js'],
      ['f.md', 'lib/c.js'],
    ],
    [['lib/*', 'lib/c.js'], ['lib/c.js']],
    [
      ['lib/*.js', 'lib/d'],
      ['lib/c.js', 'lib/d/e.js'],
    ],
    [['{dist,lib}/*.js'], ['dist/a.js', 'lib/c.js']],
    [['nothing', 'none/*'], []],
    [[], []],
  ])('%j takes the place of the usual files', (include, expected) => {
    expect(pathsOf(makePackage(files), { include })).toEqual(expected);
    expect(pathsOf(makeDirectory(files), { include })).toEqual(expected);
  });

  it('covers dot files', () => {
    expect(pathsOf(makeDirectory({ '.a/.b': '', c: '' }), { include: ['**/*'] })).toEqual(['.a/.b', 'c']);
  });

  it('says so in the manifest: the same files under other globs are no like coverage', () => {
    const root = makePackage({ 'dist/a.js': '' });
    expect(buildManifestSync(root, { include: ['dist', 'dist/**', 'dist'] }).include).toEqual(['dist', 'dist/**']);
    expect(fingerprintOf(root, { include: ['dist'] })).not.toBe(fingerprintOf(root));
  });
});

describe('exclude', () => {
  it.each([
    [['**/*.map'], ['dist/a.js', 'dist/sub/b.js']],
    [['dist/sub'], ['dist/a.js', 'dist/a.js.map']],
    [['dist/sub/'], ['dist/a.js', 'dist/a.js.map']],
    [['./dist/sub'], ['dist/a.js', 'dist/a.js.map']],
    [['dist'], []],
    [['nothing'], ['dist/a.js', 'dist/a.js.map', 'dist/sub/b.js']],
  ])('%j leaves files out besides the usual ones', (exclude, expected) => {
    expect(pathsOf(makePackage(files), { exclude })).toEqual(expected);
  });

  it('leaves out of what include covers', () => {
    expect(pathsOf(makePackage(files), { include: ['lib', 'f.md'], exclude: ['lib/d'] })).toEqual(['f.md', 'lib/c.js']);
  });

  it('says so in the manifest, each glob once and sorted', () => {
    const { exclude, include } = buildManifestSync(makePackage(files), { exclude: ['b', 'a', 'b'] });
    expect({ exclude, include }).toEqual({ exclude: ['a', 'b'], include: null });
  });

  it('keeps package.json and node_modules out as well', () => {
    const root = makePackage({ 'a.js': '', 'node_modules/x/y.js': '', 'z.js': '' });
    expect(pathsOf(root, { exclude: ['z.js'] })).toEqual(['a.js']);
  });
});

describe('a glob', () => {
  it.each(['', '!a', '/a', '../a', 'a/../../b', '..'])(
    'that can name nothing below the root is refused: %j',
    async (glob) => {
      for (const option of ['include', 'exclude'] as const) {
        const error = await errorOf(() => buildManifestSync(makePackage({}), { [option]: [glob] }));
        expect(error.code).toBe('ERR_DISTPRINT_OPTION');
        expect(error.message).toContain(option);
        expect(error.message).toContain(JSON.stringify(glob));
      }
    },
  );

  it('is refused for an executable, which has but one file', async () => {
    const prog = `${makeDirectory({ prog: '' })}/prog`;
    expect((await errorOf(() => buildManifestSync(prog, { include: ['x'] }))).code).toBe('ERR_DISTPRINT_OPTION');
    expect((await errorOf(() => buildManifestSync(prog, { exclude: ['x'] }))).code).toBe('ERR_DISTPRINT_OPTION');
  });

  it('with letters beyond ASCII matches names of them', () => {
    const root = makeDirectory({ 'é/ü.js': '', 'e/u.js': '', '日本/語.js': '' });
    expect(pathsOf(root, { include: ['é'] })).toEqual(['é/ü.js']);
    expect(pathsOf(root, { include: ['日*/*.js'] })).toEqual(['日本/語.js']);
    expect(pathsOf(root, { exclude: ['é/**', '日本'] })).toEqual(['e/u.js']);
  });
});
