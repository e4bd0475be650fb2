import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { buildManifestSync } from '../../src/manifest/build.ts';
import { serializeManifest } from '../../src/manifest/manifest.ts';
import { distprint } from '../helpers/cli.ts';
import { fingerprintOf } from '../helpers/manifest.ts';
import { itOnWindows } from '../helpers/on-windows.ts';
import { makeDirectory, makePackage, makeTemp } from '../helpers/temp.ts';

itOnWindows('both separators are taken, and the own one is printed, once', async () => {
  const cwd = makeDirectory({ 'p/package.json': '{}', 'p/dist/a.js': '1' });
  const expected = fingerprintOf(join(cwd, 'p'));
  expect(await distprint(['.\\p', './p', 'p/dist/..'], { cwd })).toEqual({
    code: 0,
    stdout: `${expected}  .\\p\n${expected}  .\\p\n${expected}  p\\dist\\..\n`,
    stderr: '',
  });
  const { code, stderr } = await distprint(['p\\gone\\x'], { cwd });
  expect(code).toBe(2);
  expect(stderr).toContain(`${join(cwd, 'p', 'gone', 'x')}: no such file`);
  expect(stderr).not.toContain('\\\\');
});

itOnWindows('a long form, a share and the root of a drive are taken, and printed as they were typed', async () => {
  const root = makePackage({ 'dist/a.js': '1' });
  const drive = `${process.env.DISTPRINT_DRIVE}\\`; // test/windows/run.ts
  const share = root.replace(/^C:/i, '\\\\localhost\\C$');
  const expected = fingerprintOf(root);
  expect(await distprint([`\\\\?\\${root}`, share, drive])).toEqual({
    code: 0,
    stdout: `${expected}  \\\\?\\${root}\n${expected}  ${share}\n${fingerprintOf(drive)}  ${drive}\n`,
    stderr: '',
  });
  expect(await distprint(['.', '/'], { cwd: drive })).toMatchObject({
    code: 0,
    stdout: `${fingerprintOf(drive)}  .\n${fingerprintOf(drive)}  \\\n`,
  });
});

itOnWindows('a file is written, and read again, behind a path of more than 260 characters', async () => {
  const long = Array.from({ length: 8 }, () => 'long'.repeat(10)).join('/');
  const cwd = makeDirectory({ 'p/package.json': '{}', 'p/dist/a.js': '1', [`${long}/x`]: '' });
  const file = join(cwd, long, 'release.manifest');
  expect(file.length).toBeGreaterThan(350);
  expect(await distprint(['manifest', 'p', '-o', file], { cwd })).toMatchObject({ code: 0, stderr: '' });
  expect(readFileSync(file, 'utf8')).toBe(serializeManifest(buildManifestSync(join(cwd, 'p'))));
  expect(await distprint(['verify', 'p', '--manifest', file], { cwd })).toEqual({ code: 0, stdout: '', stderr: '' });
});

itOnWindows('a glob may be written with backslashes, and is kept with slashes', async () => {
  const root = makePackage({ 'dist/deep/a.js': '1', 'dist/deep/b.map': '1', 'lib/c.js': '1' });
  const { stdout } = await distprint(['manifest', root, '--include', '.\\dist\\**', '--exclude', '**\\*.map']);
  expect(stdout).toBe(serializeManifest(buildManifestSync(root, { include: ['./dist/**'], exclude: ['**/*.map'] })));
  expect(stdout).toContain('  dist/deep/a.js\n');
});

itOnWindows.each(['C:\\app\\**', 'c:/app/**', '\\app\\**', '\\\\server\\share\\**', '..\\**'])(
  'a glob that leaves the root is refused: %s',
  async (glob) => {
    for (const option of ['--include', '--exclude']) {
      const { code, stdout, stderr } = await distprint([makePackage({ 'dist/a.js': '' }), option, glob]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain('not relative to the root and below it');
    }
  },
);

itOnWindows('a manifest that git checked out with CRLF is taken', async () => {
  const root = makePackage({ 'dist/a.js': '1' });
  const manifest = join(makeTemp(), 'release.manifest');
  writeFileSync(manifest, serializeManifest(buildManifestSync(root)).replaceAll('\n', '\r\n'));
  expect(await distprint(['verify', root, '--manifest', manifest])).toEqual({ code: 0, stdout: '', stderr: '' });
  writeFileSync(join(root, 'dist/a.js'), '2');
  expect(await distprint(['diff', manifest, root])).toEqual({ code: 1, stdout: 'M  dist/a.js\n', stderr: '' });
});
