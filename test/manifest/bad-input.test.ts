import { symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createDetector } from '../../src/change/detector.ts';
import { buildManifestSync } from '../../src/manifest/build.ts';
import { itWithLinks } from '../helpers/links.ts';
import { errorOf, fingerprintOf, pathsOf } from '../helpers/manifest.ts';
import { hasProgram, needs } from '../helpers/needs.ts';
import { makeFifo } from '../helpers/specials.ts';
import { makeDirectory, makePackage, writeTree } from '../helpers/temp.ts';

describe('no such path is not found', () => {
  it.each(['none', 'none/below', 'file/below'])('%s', async (path) => {
    const at = join(makeDirectory({ file: '' }), path);
    const error = await errorOf(() => buildManifestSync(at));
    expect(error).toMatchObject({ code: 'ERR_DISTPRINT_NOT_FOUND', path: at });
    expect(error.message).toContain('no such file or directory');
  });

  itWithLinks('a link to nothing', async () => {
    const link = join(makeDirectory({}), 'link');
    symlinkSync('gone', link);
    expect((await errorOf(() => buildManifestSync(link))).code).toBe('ERR_DISTPRINT_NOT_FOUND');
  });

  itWithLinks('a link to itself is an error of ours too', async () => {
    const link = join(makeDirectory({}), 'link');
    symlinkSync('link', link);
    expect((await errorOf(() => buildManifestSync(link))).code).toMatch(/^ERR_DISTPRINT_(NOT_FOUND|UNREADABLE)$/);
  });
});

describe('a package.json that is broken is an error that says what is wrong', () => {
  it.each([
    ['empty', '', 'empty'],
    ['blank', ' \n', 'empty'],
    ['a byte order mark alone', '\ufeff', 'empty'],
    ['not JSON', 'version: 1', 'not JSON'],
    ['cut short', '{"version": "1.', 'not JSON'],
    ['an array', '["1.2.3"]', 'an array'],
    ['null', 'null', 'null'],
    ['a number', '7', '7'],
    ['a string', '"1.2.3"', '1.2.3'],
    ['a version that is a number', '{"version": 1.2}', '"version" is 1.2'],
    ['a version that is null', '{"version": null}', '"version" is null'],
    [
      'a version that is nested too deeply to be shown',
      `{"version": ${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
      'an array',
    ],
    ['a version that is an object', '{"version": {}}', '"version" is an object'],
  ])('%s', async (_, text, says) => {
    const root = makePackage({ 'package.json': text, 'dist/a': '' });
    const error = await errorOf(() => buildManifestSync(root));
    expect(error).toMatchObject({ code: 'ERR_DISTPRINT_PACKAGE_JSON', path: join(root, 'package.json') });
    expect(error.message).toContain(says);
    expect(error.message).toContain(join(root, 'package.json'));
  });

  it('more than a megabyte, or larger than memory', async () => {
    const root = makePackage({ 'dist/a': '' });
    const detector = createDetector({ path: root });
    for (const size of [2 ** 21, 2 ** 40]) {
      truncateSync(join(root, 'package.json'), size);
      const error = await errorOf(() => buildManifestSync(root));
      expect(error).toMatchObject({ code: 'ERR_DISTPRINT_UNSUPPORTED_FILE', path: join(root, 'package.json') });
      expect(await detector.check()).toMatchObject({ verdict: 'settling', reason: expect.stringContaining('at most') });
    }
  });

  it('a seal larger than memory, in a release that comes', async () => {
    const root = makePackage({ 'dist/a': '' });
    const detector = createDetector({ path: root });
    writeTree(root, { 'dist/a': 'new', 'dist/.distprint-seal': '' });
    truncateSync(join(root, 'dist/.distprint-seal'), 2 ** 40);
    expect(await detector.check()).toMatchObject({ verdict: 'settling', reason: expect.stringContaining('at most') });
  });

  it('a directory of that name', async () => {
    const root = makeDirectory({ 'package.json/x': '' });
    const error = await errorOf(() => buildManifestSync(root));
    expect(error).toMatchObject({ path: join(root, 'package.json') });
  });
});

describe('a package.json that is only unusual is read', () => {
  const expected = () => fingerprintOf(makePackage({ 'package.json': { version: '1.2.3' }, 'dist/a': '' }));

  it.each([
    ['with a byte order mark', '\ufeff{"version":"1.2.3"}'],
    ['with CRLF', '{\r\n  "version": "1.2.3"\r\n}\r\n'],
    ['with a byte order mark and CRLF', '\ufeff\r\n{ "version":\r\n"1.2.3" }'],
    ['with "version" twice, where the last counts', '{"version":"1","version":"1.2.3"}'],
    ['with a name that is no string', '{"version":"1.2.3","name":3}'],
  ])('%s', (_, text) => {
    expect(fingerprintOf(makePackage({ 'package.json': text, 'dist/a': '' }))).toBe(expected());
  });

  it('without a version, which then is null', () => {
    const root = makePackage({ 'package.json': '{}', 'dist/a': '' });
    expect(buildManifestSync(root)).toMatchObject({ kind: 'package', version: null });
  });
});

describe('a dist', () => {
  it('that is a file is none: every file of the package counts, it too', () => {
    expect(pathsOf(makePackage({ dist: 'x', 'a.js': '' }))).toEqual(['a.js', 'dist']);
  });

  it('that is empty leaves a package of no files, which is another when a file comes', () => {
    const root = makePackage({ 'dist/a': '', 'src/b.ts': '' });
    const full = fingerprintOf(root);
    const empty = makePackage({ 'dist/node_modules/x': '', 'src/b.ts': '' });
    expect(pathsOf(empty)).toEqual([]);
    expect(fingerprintOf(empty)).not.toBe(full);
    writeFileSync(join(empty, 'dist/a'), '');
    expect(fingerprintOf(empty)).toBe(full);
  });

  itWithLinks('that is a link to nothing is none', () => {
    const root = makePackage({ 'a.js': '' });
    symlinkSync('gone', join(root, 'dist'));
    expect(pathsOf(root)).toEqual(['a.js', 'dist']);
  });

  itWithLinks('that is a link through a file is none', () => {
    const root = makePackage({ 'a.js': '' });
    symlinkSync('a.js/below', join(root, 'dist'));
    expect(pathsOf(root)).toEqual(['a.js', 'dist']);
  });
});

needs('mkfifo', hasProgram('mkfifo'))('a FIFO is nothing that can be installed', async () => {
  const path = join(makeDirectory({}), 'pipe');
  makeFifo(path);
  expect(await errorOf(() => buildManifestSync(path))).toMatchObject({ code: 'ERR_DISTPRINT_UNSUPPORTED_FILE', path });
});
