import { closeSync, ftruncateSync, openSync, symlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hashBytes } from '../../src/disk/hash.ts';
import { buildManifest, buildManifestSync } from '../../src/manifest/build.ts';
import type { CoverageOptions } from '../../src/scan/coverage.ts';
import { errorOf } from '../helpers/manifest.ts';
import { makeDirectory, makePackage } from '../helpers/temp.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

/** A sparse file in which the first byte, the last and one beside each boundary of a chunk is not 0. */
function makeMarked(path: string, size: number): Buffer {
  const content = Buffer.alloc(size);
  const fd = openSync(path, 'w');
  ftruncateSync(fd, size);
  const marks = new Set(size === 0 ? [] : [0, size - 1]);
  for (let at = 256 * KiB; at < size; at += 256 * KiB) marks.add(at - 1).add(at);
  for (const at of marks) {
    content[at] = 1 + (at % 251);
    writeSync(fd, content, at, 1, at);
  }
  closeSync(fd);
  return content;
}

const around = (size: number) => [size - 1, size, size + 1];

describe('buildManifest and buildManifestSync give the XXH64 of all bytes', () => {
  it.each([
    0,
    1,
    ...around(256 * KiB),
    ...around(512 * KiB),
    ...around(MiB),
    ...around(16 * MiB),
    ...around(17 * MiB),
    ...around(20 * MiB),
    21 * MiB + 256 * KiB,
    33 * MiB + 12345,
  ])('of a file of %d bytes', async (size) => {
    const path = join(makeDirectory({}), 'file');
    const digest = hashBytes(makeMarked(path, size));
    const built = await buildManifest(path);
    expect(built.entries).toEqual([{ path: '.', content: digest }]);
    expect(built.bytes).toBe(size);
    expect(buildManifestSync(path)).toEqual(built);
  });
});

describe('buildManifest and buildManifestSync agree', () => {
  const many = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`dist/${i % 7}/${i}.js`, `${i}`]));

  it.each<[string, () => string, CoverageOptions]>([
    ['of a package', () => makePackage({ 'dist/a.js': '1', 'src/b.ts': '' }), {}],
    ['of many files', () => makePackage(many), {}],
    ['with globs', () => makePackage(many), { include: ['dist/3', '**/*5.js'], exclude: ['**/*7.js'] }],
    ['of a plain directory', () => makeDirectory(many), {}],
    ['of an empty directory', () => makeDirectory({}), {}],
    [
      'of links, cycles and dangling links',
      () => {
        const root = makePackage({ 'lib/a': '1' });
        for (const [at, target] of Object.entries({ cycle: '.', gone: 'nothing', file: 'lib/a', d: 'lib' })) {
          symlinkSync(target, join(root, at));
        }
        return root;
      },
      {},
    ],
  ])('%s', async (_, make, options) => {
    const root = make();
    expect(await buildManifest(root, options)).toEqual(buildManifestSync(root, options));
  });

  it.each<[string, () => string, CoverageOptions]>([
    ['no such path', () => join(makeDirectory({}), 'none'), {}],
    ['no package', () => makeDirectory({}), { kind: 'package' }],
    ['a bad package.json', () => makePackage({ 'package.json': '{' }), {}],
    ['a bad glob', () => makePackage({}), { include: ['/x'] }],
    ['a device', () => '/dev/null', {}],
  ])('on what is wrong: %s', async (_, make, options) => {
    const path = make();
    const late = await errorOf(() => buildManifest(path, options));
    const early = await errorOf(() => buildManifestSync(path, options));
    expect({ code: late.code, message: late.message, path: late.path }).toEqual({
      code: early.code,
      message: early.message,
      path: early.path,
    });
  });

  it('when many run at once, which share one buffer', async () => {
    const roots = Array.from({ length: 8 }, (_, i) => makeDirectory({ a: `${i}`, b: `${i}`.repeat(700 * KiB) }));
    const large = join(makeDirectory({}), 'large');
    makeMarked(large, 18 * MiB);
    const paths = [...roots, large, ...roots];
    const together = await Promise.all(paths.map((path) => buildManifest(path)));
    expect(together).toEqual(paths.map((path) => buildManifestSync(path)));
  });
});
