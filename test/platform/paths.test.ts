import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fromVirtual } from '../../src/disk/directory.ts';
import { isRacy } from '../../src/disk/stat.ts';
import { writeFileAtomic, writeFileAtomicSync } from '../../src/disk/write-file.ts';
import { buildManifestSync } from '../../src/manifest/build.ts';
import { parseManifest, serializeManifest } from '../../src/manifest/manifest.ts';
import { findSpelling, saysSocket, separatorsToSlashes, withoutNamespace } from '../../src/platform/paths.ts';
import { fingerprintOf, pathsOf } from '../helpers/manifest.ts';
import { isPosix, isWindows, isWine, onlyWith } from '../helpers/needs.ts';
import { itOnWindows } from '../helpers/on-windows.ts';
import { makeSocket } from '../helpers/specials.ts';
import { makeDirectory, makePackage } from '../helpers/temp.ts';

describe('a file that a socket took the place of', () => {
  it.each([
    ['ENXIO', true],
    ['EOPNOTSUPP', true],
    ['ENOTSUP', true],
    ['EACCES', false],
  ])('is told by %s: %s', (code, isSocket) => {
    expect(saysSocket(Object.assign(new Error(code), { code, syscall: 'open' }))).toBe(isSocket);
  });

  onlyWith('Unix sockets', isPosix)('is told where this test runs', async () => {
    const path = join(makeDirectory({}), 's');
    await makeSocket(path);
    const open = () => openSync(path, 'r');
    expect(open).toThrow();
    try {
      open();
    } catch (error) {
      expect(saysSocket(error)).toBe(true);
    }
  });
});

describe('a path of Windows', () => {
  it.each([
    ['\\\\?\\C:\\app', 'C:\\app'],
    ['\\\\?\\c:\\', 'c:\\'],
    ['\\\\?\\UNC\\server\\share\\app', '\\\\server\\share\\app'],
    ['\\\\?\\unc\\server\\share', '\\\\server\\share'],
    ['\\\\server\\share\\app', '\\\\server\\share\\app'],
    [
      '\\\\?\\Volume{b75e2c83-0000-0000-0000-602f00000000}\\app',
      '\\\\?\\Volume{b75e2c83-0000-0000-0000-602f00000000}\\app',
    ],
    ['C:\\app', 'C:\\app'],
  ])('%s needs no more than %s', (path, expected) => {
    expect(withoutNamespace(path)).toBe(expected);
  });

  it.each([
    ['/', ''],
    ['/dist', 'dist'],
    ['/dist/a/b', 'dist/a/b'],
    ['C:\\', ''],
    ['c:\\dist', 'dist'],
    ['C:\\dist\\a/b', 'dist/a/b'],
    ['C:\\/dist/a', 'dist/a'],
    ['/C:/a', 'C:/a'],
    ['/new\u010aline', 'new\nline'],
    ['C:\\back\u015cslash', 'back\\slash'],
  ])('fast-glob means by %j the raw path %j', (virtual, raw) => {
    expect(fromVirtual(virtual)).toBe(raw);
  });

  it.each([
    ['dist\\**', 'dist/**'],
    ['dist\\*.js', 'dist/*.js'],
    ['a\\(b\\)\\c', 'a\\(b\\)/c'],
    ['C:\\app\\**', 'C:/app/**'],
    ['dist/**', 'dist/**'],
  ])('a glob %s is %s', (glob, expected) => {
    expect(separatorsToSlashes(glob)).toBe(expected);
  });
});

describe('the spelling on disk', () => {
  it.each([
    ['bin/tool.js', 'Bin/Tool.js'],
    ['BIN/TOOL.JS', 'Bin/Tool.js'],
    ['Bin/Tool.js', 'Bin/Tool.js'],
    ['e\u0301.js', '\u00e9.js'],
    ['bin/gone.js', 'bin/gone.js'],
    ['gone/tool.js', 'gone/tool.js'],
    ['Bin/Tool.js/below', 'Bin/Tool.js/below'],
  ])('of %s is %s', (path, expected) => {
    expect(findSpelling(makeDirectory({ 'Bin/Tool.js': '', '\u00e9.js': '' }), path)).toBe(expected);
  });
});

describe('stats alone are not trusted', () => {
  const wallMs = Date.now();
  const old = { dev: -1, ino: 1, size: 1, mtimeMs: 1, ctimeMs: wallMs - 60_000 };
  it.each([
    ['where there is no time of change: FAT on Windows says 1601', { ctimeMs: -11_644_473_600_000 }, true],
    ['where it is 0', { ctimeMs: 0 }, true],
    ['where the inode is 0, as of some network drives', { ino: 0 }, true],
    ['and are otherwise', {}, false],
  ])('%s', (_, other, racy) => {
    expect(isRacy({ ...old, ...other }, wallMs, '/')).toBe(racy);
  });
});

describe('on Windows', () => {
  itOnWindows('a package is the same by every way to write its path', () => {
    const root = makePackage({ 'dist/a.js': '1', 'dist/deep/b.js': '2' });
    const expected = fingerprintOf(root);
    expect(pathsOf(root)).toEqual(['dist/a.js', 'dist/deep/b.js']);
    const otherCase = root.replace(/^[A-Z]/i, (drive) =>
      drive === drive.toLowerCase() ? drive.toUpperCase() : drive.toLowerCase(),
    );
    const written = [`${root}\\`, root.replaceAll('\\', '/'), otherCase, `\\\\?\\${root}`, `${root}\\dist\\..`];
    for (const path of written) expect(fingerprintOf(path), path).toBe(expected);
  });

  itOnWindows('a share is a root, also by its long form', () => {
    const root = makePackage({ 'dist/a.js': '1' });
    const share = root.replace(/^C:/i, '\\\\localhost\\C$');
    expect(fingerprintOf(share)).toBe(fingerprintOf(root));
    expect(fingerprintOf(share.replace(/^\\\\/, '\\\\?\\UNC\\'))).toBe(fingerprintOf(root));
  });

  itOnWindows('the root of a drive may be what is looked at', () => {
    const drive = process.env.DISTPRINT_DRIVE; // test/windows/run.ts
    writeFileSync(`${drive}\\package.json`, '{"version":"1.0.0","bin":"bin/x.js"}');
    for (const [folder, file] of [
      ['dist', 'a.js'],
      ['bin', 'x.js'],
    ]) {
      mkdirSync(`${drive}\\${folder}`, { recursive: true });
      writeFileSync(`${drive}\\${folder}\\${file}`, '1');
    }
    expect(pathsOf(`${drive}\\`)).toEqual(['bin/x.js', 'dist/a.js']);
    expect(fingerprintOf(`\\\\?\\${drive}\\`)).toBe(fingerprintOf(`${drive}/`));
  });

  itOnWindows('a path may have more than 260 characters, of any script', () => {
    const long = Array.from({ length: 8 }, (_, i) => `${'long'.repeat(10)}-é-${i}`).join('/');
    const root = makePackage({ [`dist/${long}/a.js`]: '1' });
    expect(pathsOf(root)).toEqual([`dist/${long}/a.js`]);
    const below = join(root, 'dist', long);
    expect(below.length).toBeGreaterThan(350);
    expect(pathsOf(below)).toEqual(['a.js']);
  });

  const itWithHalves = onlyWith('names with half a surrogate pair, which Wine does not take', isWindows && !isWine);
  itWithHalves('half a surrogate pair in a name is told from any other', () => {
    const root = makeDirectory({});
    const halves = ['\xed\xa0\x80', '\xed\xa0\x81', '\xed\xb0\x80'];
    for (const name of halves) writeFileSync(Buffer.from(`${root}\\x${name}`, 'latin1'), name);
    const manifest = buildManifestSync(root);
    expect(manifest.entries.map(({ path }) => path)).toEqual([
      'x\\xed\\xa0\\x80',
      'x\\xed\\xa0\\x81',
      'x\\xed\\xb0\\x80',
    ]);
    expect(new Set(manifest.entries.map(({ content }) => content)).size).toBe(3);
    expect(parseManifest(serializeManifest(manifest)).entries).toEqual(manifest.entries);
  });

  itOnWindows('a `bin` or a `dist` that is written in another case counts as on other platforms', () => {
    const inBin = makePackage({ 'package.json': { bin: 'BIN/Tool.js' }, 'bin/tool.js': '1', 'dist/a.js': '1' });
    expect(pathsOf(inBin)).toEqual(['bin/tool.js', 'dist/a.js']);
    const inDist = makePackage({ 'package.json': { bin: 'Dist/A.js' }, 'dist/a.js': '1' });
    expect(pathsOf(inDist)).toEqual(['dist/a.js']); // once
    const otherDist = makePackage({ 'Dist/a.js': '1', 'b.js': '1' });
    expect(pathsOf(otherDist)).toEqual(['Dist/a.js', 'b.js']); // no `dist`, so all counts
  });

  itOnWindows('a file that a reader has open is replaced when that is done', async () => {
    const root = makeDirectory({ file: 'old' });
    const fd = openSync(join(root, 'file'), 'r');
    const closing = setTimeout(() => closeSync(fd), 150);
    await writeFileAtomic(join(root, 'file'), 'new');
    clearTimeout(closing);
    expect(readFileSync(join(root, 'file'), 'utf8')).toBe('new');
    expect(readdirSync(root)).toEqual(['file']);
  });

  itOnWindows(
    'a file that is held all the time is not replaced: that is said of it, and nothing is left beside it',
    () => {
      const root = makeDirectory({ file: 'old' });
      const EXCLUSIVELY = 0x1000_0000; // UV_FS_O_EXLOCK: nobody else may open it
      const fd = openSync(join(root, 'file'), EXCLUSIVELY);
      try {
        const error = { path: join(root, 'file'), code: expect.stringMatching(/^E(PERM|ACCES|BUSY)$/) };
        expect(() => writeFileAtomicSync(join(root, 'file'), 'new')).toThrow(expect.objectContaining(error));
        expect(readdirSync(root)).toEqual(['file']);
      } finally {
        closeSync(fd);
      }
      expect(readFileSync(join(root, 'file'), 'utf8')).toBe('old');
    },
  );
});
