import { closeSync, ftruncateSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect } from 'vitest';
import { buildManifest, buildManifestSync } from '../../src/manifest/build.ts';
import { distprintCommand } from '../helpers/cli.ts';
import { errorOf, fingerprintOf } from '../helpers/manifest.ts';
import { isPosix, onlyWith } from '../helpers/needs.ts';
import { nodeCommand, run } from '../helpers/run.ts';
import { makeDirectory, makePackage } from '../helpers/temp.ts';

const withUlimit = onlyWith('ulimit', isPosix);
const child = fileURLToPath(new URL('../helpers/emfile-child.ts', import.meta.url));
const limited = (limit: number, command: readonly string[]) =>
  run(['sh', '-c', `ulimit -n ${limit} && exec "$@"`, 'sh', ...command]);

const deep = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`${'d/'.repeat(i)}f${i}`, `${i}`]));
const wide = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`w/${i}`, `${i}`]));

describe('too many open files', () => {
  withUlimit('`ulimit -n 32` is enough for many files, deep and wide', async () => {
    const root = makeDirectory({ ...deep, ...wide });
    const { code, stdout, stderr } = await limited(32, [...distprintCommand, root]);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${fingerprintOf(root)}  ${root}\n`, stderr: '' });
  });

  withUlimit.each([
    ['a package', () => makePackage({ 'dist/a': '' })],
    ['a plain directory', () => makeDirectory({ a: '' })],
    ['an executable', () => join(makeDirectory({ a: '' }), 'a')],
  ])('in the process of the caller is said as that, and is over when some are closed: %s', async (_, make) => {
    const { stdout, stderr } = await limited(64, [...nodeCommand, child, make()]);
    const refused = { code: 'ERR_DISTPRINT_UNREADABLE', errno: 'EMFILE' };
    expect({ stderr, ...JSON.parse(stdout) }).toEqual({
      stderr: '',
      full: [refused, refused],
      after: ['done', 'done'],
    });
  });
});

onlyWith('/proc/self/fd', process.platform === 'linux')(
  'no descriptor is left open, whatever comes of it',
  async () => {
    const openNow = () => readdirSync('/proc/self/fd').length;
    const root = makePackage({ 'dist/a': 'x'.repeat(300_000), 'dist/b': '' });
    const broken = makePackage({ 'package.json': '{' });
    const large = openSync(join(root, 'dist/large'), 'w');
    ftruncateSync(large, 20 * 1024 * 1024);
    closeSync(large);
    await buildManifest(root);
    const before = openNow();
    for (let i = 0; i < 5; i++) {
      await buildManifest(root);
      buildManifestSync(root);
      await errorOf(() => buildManifest(broken));
      await errorOf(() => buildManifest('/dev/null'));
    }
    expect(openNow()).toBe(before);
  },
);
