import { chmodSync, cpSync, linkSync, mkdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { itWithLinks } from '../helpers/links.ts';
import { fingerprintOf } from '../helpers/manifest.ts';
import { makePackage, makeTemp, writeTree } from '../helpers/temp.ts';

const files = { 'dist/a.js': 'alpha', 'dist/b/c.js': 'gamma', 'dist/b/d.js': 'delta', 'dist/e.js': '' };

describe('the fingerprint stays the same', () => {
  let root: string;
  let before: string;
  beforeEach(() => {
    root = makePackage(files);
    before = fingerprintOf(root);
  });

  it('when every file is touched', () => {
    for (const path of Object.keys(files)) utimesSync(join(root, path), 1, 2 ** 31);
    utimesSync(join(root, 'package.json'), 0, 0);
    utimesSync(join(root, 'dist'), 0, 0);
    expect(fingerprintOf(root)).toBe(before);
  });

  it('when modes change', () => {
    for (const path of Object.keys(files)) chmodSync(join(root, path), 0o755);
    chmodSync(join(root, 'dist'), 0o700);
    expect(fingerprintOf(root)).toBe(before);
  });

  it('for a copy elsewhere, whose inodes and times are others', () => {
    const copy = join(makeTemp(), 'elsewhere', 'deep');
    cpSync(root, copy, { recursive: true });
    expect(statSync(join(copy, 'dist/a.js')).ino).not.toBe(statSync(join(root, 'dist/a.js')).ino);
    expect(fingerprintOf(copy)).toBe(before);
  });

  it('for hard links into a store, as pnpm makes them', () => {
    const linked = join(makeTemp(), 'linked');
    for (const path of ['package.json', ...Object.keys(files)]) {
      mkdirSync(dirname(join(linked, path)), { recursive: true });
      linkSync(join(root, path), join(linked, path));
    }
    expect(statSync(join(root, 'dist/a.js')).nlink).toBe(2);
    expect(fingerprintOf(linked)).toBe(before);
    expect(fingerprintOf(root)).toBe(before);
  });

  it('whatever the order of creation', () => {
    const reversed = join(makeTemp(), 'reversed');
    writeTree(reversed, Object.fromEntries(Object.entries(files).reverse()));
    writeTree(reversed, { 'package.json': { version: '1.2.3' } });
    expect(fingerprintOf(reversed)).toBe(before);
  });

  itWithLinks('when it is reached through a link', () => {
    const link = join(makeTemp(), 'link');
    symlinkSync(root, link);
    expect(fingerprintOf(link)).toBe(before);
  });

  it('when it is reached by a trailing slash or a detour', () => {
    expect(fingerprintOf(`${root}/`)).toBe(before);
    expect(fingerprintOf(`${root}/dist/../`)).toBe(before);
  });

  it('when the same bytes are written anew', () => {
    writeFileSync(join(root, 'dist/a.js'), 'alpha');
    expect(fingerprintOf(root)).toBe(before);
  });
});

describe('the fingerprint is another', () => {
  it('when one byte changes and size and mtime do not', () => {
    const root = makePackage(files);
    const at = join(root, 'dist/b/c.js');
    utimesSync(at, 1000, 1000);
    const before = fingerprintOf(root);
    writeFileSync(at, 'gamna');
    utimesSync(at, 1000, 1000);
    expect(statSync(at).mtimeMs).toBe(1_000_000);
    expect(fingerprintOf(root)).not.toBe(before);
  });

  it('when an empty file comes', () => {
    const root = makePackage(files);
    const before = fingerprintOf(root);
    writeTree(root, { 'dist/empty': '' });
    expect(fingerprintOf(root)).not.toBe(before);
  });
});
