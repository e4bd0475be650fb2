import { chmodSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { itWithLinks } from '../helpers/links.ts';
import { fingerprintOf, pathsOf } from '../helpers/manifest.ts';
import { legalNames } from '../helpers/needs.ts';
import { makePackage, writeTree } from '../helpers/temp.ts';

const withBin = (bin: unknown) => ({ 'package.json': { version: '1', bin }, 'dist/a.js': '' });

describe('what bin names', () => {
  it('is covered beside dist, and nothing else beside it', () => {
    const root = makePackage({
      ...withBin({ x: './bin/x.js', y: 'y.js' }),
      'bin/x.js': '',
      'bin/z.js': '',
      'y.js': '',
    });
    expect(pathsOf(root)).toEqual(['bin/x.js', 'dist/a.js', 'y.js']);
  });

  it('is covered once, where it lies in dist or is named twice', () => {
    const root = makePackage({ ...withBin({ a: 'dist/a.js', b: './dist/a.js', c: 'c.js', d: 'c.js' }), 'c.js': '' });
    expect(pathsOf(root)).toEqual(['c.js', 'dist/a.js']);
  });

  it('counts from when it is there, and not after it is gone', () => {
    const root = makePackage(withBin('cli.js'));
    const missing = fingerprintOf(root);
    writeFileSync(join(root, 'cli.js'), 'x');
    expect(pathsOf(root)).toEqual(['cli.js', 'dist/a.js']);
    expect(fingerprintOf(root)).not.toBe(missing);
    rmSync(join(root, 'cli.js'));
    expect(fingerprintOf(root)).toBe(missing);
  });

  it('is not there behind a link that leads to itself', () => {
    const root = makePackage(withBin('src/cli.js'));
    symlinkSync('src', join(root, 'src'));
    expect(pathsOf(root)).toEqual(['dist/a.js']);
  });

  it.each(['../../outside.js', '/outside.js', 'x/../../../outside.js'])(
    'stays inside the package, as npm keeps it: %s',
    (bin) => {
      const root = makePackage({ ...withBin(bin), 'outside.js': '' });
      writeTree(join(root, '../..'), { 'outside.js': 'not this one' });
      expect(pathsOf(root)).toEqual(['dist/a.js', 'outside.js']);
    },
  );

  const names = [
    'a(b).js',
    '[id].js',
    '{x,y}.js',
    '*.js',
    '!no.js',
    'a|b.js',
    '@x+y.js',
    'é.js',
    'a b.js',
    'new\nline.js',
  ];
  const folders = ['a(b)/x.js', '@x/y.js', 'a+b/x.js', '[id]/x.js', '{x,y}/x.js', 'a|b/x.js', '+(x)/y.js', '!x/y.js'];
  it.each(legalNames([...names, ...folders]))('is a name and no pattern: %j', (name) => {
    const root = makePackage({ ...withBin(name), [name]: '', 'x.js': '', 'i.js': '', 'a.js': '' });
    const written = name.replace('\n', '\\n');
    expect(pathsOf(root)).toEqual([written, 'dist/a.js'].sort());
  });

  it.each([[null], [3], [''], ['.'], [[]], [{ a: 1, b: null }], ['missing.js'], ['dist'], ['../..']])(
    'may be nothing that can be covered: %j',
    (bin) => {
      expect(pathsOf(makePackage(withBin(bin)))).toEqual(['dist/a.js']);
    },
  );

  it('may be written with backslashes, which npm takes for slashes', () => {
    const root = makePackage({ ...withBin('.\\bin\\x.js'), 'bin/x.js': '' });
    expect(pathsOf(root)).toEqual(['bin/x.js', 'dist/a.js']);
  });

  itWithLinks('counts by the content that a link leads to', () => {
    const root = makePackage({ ...withBin('cli.js'), 'lib/cli.js': 'x' });
    symlinkSync('lib/cli.js', join(root, 'cli.js'));
    const linked = fingerprintOf(root);
    writeFileSync(join(root, 'lib/cli.js'), 'y');
    expect(fingerprintOf(root)).not.toBe(linked);
    rmSync(join(root, 'cli.js'));
    writeFileSync(join(root, 'cli.js'), 'x');
    expect(fingerprintOf(root)).toBe(linked);
  });

  it('need not be executable', () => {
    const root = makePackage({ ...withBin('cli.js'), 'cli.js': '' });
    const before = fingerprintOf(root);
    chmodSync(join(root, 'cli.js'), 0o755);
    expect(fingerprintOf(root)).toBe(before);
  });
});
