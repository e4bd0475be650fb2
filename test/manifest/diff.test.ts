import { describe, expect, it } from 'vitest';
import { buildManifestSync } from '../../src/manifest/build.ts';
import { diffManifests, isEmptyDiff, listDifferences } from '../../src/manifest/diff.ts';
import type { CoverageOptions } from '../../src/scan/coverage.ts';
import { contentsOf, errorOf } from '../helpers/manifest.ts';
import { isPosix, onlyWith } from '../helpers/needs.ts';
import { makeDirectory, makePackage, type Tree } from '../helpers/temp.ts';

const of = (tree: Tree, options?: CoverageOptions) => buildManifestSync(makeDirectory(tree), options);
const release = (version: string | undefined, tree: Tree) =>
  buildManifestSync(makePackage({ 'package.json': { version }, ...tree }));

describe('diffManifests', () => {
  it('says what leads from one to the other, in the order of manifests', () => {
    const a = of({ a: '1', b: '1', 'c/d': '1', e: '1', z: '1' });
    const b = of({ '0': '1', a: '2', b: '1', 'c/e': '1', e: '2', é: '1' });
    const forth = { version: null, added: ['0', 'c/e', 'é'], removed: ['c/d', 'z'], changed: ['a', 'e'] };
    expect(diffManifests(a, b)).toEqual(forth);
    expect(diffManifests(b, a)).toEqual({ ...forth, added: forth.removed, removed: forth.added });
  });

  it('says from which content to which, where it is asked for that', () => {
    const a = of({ a: '1', b: '1', c: '1' });
    const b = of({ a: '2', c: '1', d: '1' });
    const content = contentsOf(a).b as string;
    expect(listDifferences(a, b)).toEqual([
      { path: 'a', from: content, to: contentsOf(b).a },
      { path: 'b', from: content, to: null },
      { path: 'd', from: null, to: content },
    ]);
  });

  it('is empty for one that is the same, and only then', () => {
    const a = of({ a: '1', b: '2' });
    expect(isEmptyDiff(diffManifests(a, of({ b: '2', a: '1' })))).toBe(true);
    for (const other of [of({ a: '1' }), of({ a: '1', b: '2', c: '' }), of({ a: '2', b: '2' })]) {
      expect(isEmptyDiff(diffManifests(a, other))).toBe(false);
    }
  });

  onlyWith('names that Win32 forbids', isPosix)(
    'goes by the bytes of names, also where these are written with escapes',
    () => {
      const a = of({ 'a\nb': '1', 'a\\b': '1', a0: '1' });
      const b = of({ 'a\nb': '2', 'a\\c': '1', a0: '1' });
      expect(diffManifests(a, b)).toEqual({
        version: null,
        added: ['a\\\\c'],
        removed: ['a\\\\b'],
        changed: ['a\\nb'],
      });
    },
  );

  it('says a version change, also where no file changed', () => {
    expect(diffManifests(release('1.0.0', { a: '' }), release('1.0.1', { a: '' }))).toEqual({
      version: { from: '1.0.0', to: '1.0.1' },
      added: [],
      removed: [],
      changed: [],
    });
    const lost = diffManifests(release('1.0.0', {}), release(undefined, {}));
    expect(lost.version).toEqual({ from: '1.0.0', to: null });
    expect(isEmptyDiff(lost)).toBe(false);
  });

  it.each<[string, CoverageOptions, CoverageOptions]>([
    ['kind', { kind: 'package' }, { kind: 'directory' }],
    ['include', {}, { include: ['**'] }],
    ['include', { include: ['a'] }, { include: ['b'] }],
    ['exclude', {}, { exclude: ['a'] }],
  ])('refuses what does not cover the same, and says how: %s', async (field, a, b) => {
    const root = makePackage({ a: '' });
    const error = await errorOf(() => diffManifests(buildManifestSync(root, a), buildManifestSync(root, b)));
    expect(error.code).toBe('ERR_DISTPRINT_COVERAGE');
    expect(error.message).toContain(field);
  });

  it('takes the same globs in any order', () => {
    const root = makePackage({ a: '', b: '' });
    const [one, two] = [
      ['a', 'b'],
      ['b', 'a', 'b'],
    ].map((include) => buildManifestSync(root, { include }));
    expect(one?.fingerprint).toBe(two?.fingerprint);
    expect(one && two && isEmptyDiff(diffManifests(one, two))).toBe(true);
  });
});
