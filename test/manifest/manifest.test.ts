import { describe, expect, it } from 'vitest';
import { hashText } from '../../src/disk/hash.ts';
import { DistprintError, isDistprintError } from '../../src/errors.ts';
import { buildManifestSync } from '../../src/manifest/build.ts';
import { parseManifest, serializeManifest } from '../../src/manifest/manifest.ts';
import { errorOf } from '../helpers/manifest.ts';
import { isPosix } from '../helpers/needs.ts';
import { makeDirectory, makePackage } from '../helpers/temp.ts';

/** These lines as a manifest, with the fingerprint that is right for them. */
const seal = (...lines: string[]): string => {
  const text = lines.map((line) => `${line}\n`).join('');
  return `${text}xxh64-${hashText(text)}\n`;
};
const head = ['distprint manifest 1', 'kind package', 'version "1.2.3"', 'include default', 'exclude []'] as const;
const digest = '0123456789abcdef';
const lineOf = async (text: string): Promise<number | undefined> => {
  const error = await errorOf(() => parseManifest(text));
  expect(error.code).toBe('ERR_DISTPRINT_MANIFEST');
  expect(error.message).toContain(`line ${error.line}`);
  return error.line;
};
/** The head with one of its lines (from 1) replaced. */
const withLine = (number: number, line: string) => seal(...head.map((old, i) => (i === number - 1 ? line : old)));

describe('the text of a manifest', () => {
  it('is, line by line, as documented', () => {
    const root = makePackage({ 'package.json': { version: '1.2.3' }, 'dist/a b.js': 'b', 'dist/é': '' });
    const text = serializeManifest(buildManifestSync(root, { exclude: ['**/*.map', '**/*.d.ts'] }));
    const body = [
      'distprint manifest 1',
      'kind package',
      'version "1.2.3"',
      'include default',
      'exclude ["**/*.d.ts","**/*.map"]',
      '78452aa11af39f9b  dist/a b.js',
      'ef46db3751d8e999  dist/é',
      '',
    ].join('\n');
    expect(text).toBe(`${body}xxh64-${hashText(body)}\n`);
  });

  it.each([
    ['of a package', () => makePackage({ 'dist/a': '1', 'dist/b/c': '2' }), {}],
    ['of a package without a version', () => makePackage({ 'package.json': {}, a: '' }), {}],
    [
      'of a package with globs',
      () => makePackage({ ...(isPosix && { 'a"b': '' }), 'é.js': '' }),
      { include: ['é*', 'a"b'], exclude: ['x\\y'] },
    ],
    ['of an executable', () => `${makeDirectory({ x: '1' })}/x`, {}],
    ['of an empty directory', () => makeDirectory({}), {}],
    ['of a version that needs escapes', () => makePackage({ 'package.json': { version: '1"\n\\é\u2028' } }), {}],
  ])('%s is read back as what was written', (_, make, options) => {
    const { name: _name, bytes: _bytes, ...manifest } = buildManifestSync(make(), options);
    const text = serializeManifest(manifest);
    expect(parseManifest(text)).toEqual(manifest);
    expect(serializeManifest(parseManifest(text))).toBe(text);
    expect(text.endsWith(`${manifest.fingerprint}\n`)).toBe(true);
  });
});

describe('an entry is refused by its line', () => {
  const entries = (...paths: string[]) => seal(...head, ...paths.map((path) => `${digest}  ${path}`));

  it('where a path stands twice', async () => {
    expect(await lineOf(entries('a', 'b', 'b', 'c'))).toBe(8);
  });

  it.each([
    [['b', 'a']],
    [['a', 'a/b', 'a.b']],
    [['é', 'z']], // by bytes, not by locale
    [['\\xff', 'é']], // by the bytes that are meant, not by how they are written
  ])('where it is out of order: %j', async (paths) => {
    expect(await lineOf(entries(...paths))).toBe(head.length + paths.length);
  });

  it('but not where only a locale would order it otherwise', () => {
    expect(parseManifest(entries('B', 'a', 'é', '\\xff')).entries).toHaveLength(4);
  });

  it.each(['/a', '../a', 'a/../b', 'a/..', './a', 'a/./b', 'a//b', 'a/', '.', '..', ''])(
    'where its path is not relative and below the root: %j',
    async (path) => {
      expect(await lineOf(entries('!', path))).toBe(7);
    },
  );

  it.each(['a\\', '\\xFF', '\\x61', 'a\rb', 'a\tb'])('where its path is not escaped as paths are: %j', async (path) => {
    expect(await lineOf(entries(path))).toBe(6);
  });

  it.each([
    '',
    digest,
    `${digest} a`,
    `${digest}\ta`,
    ` ${digest}  a`,
    `${digest.toUpperCase()}  a`,
    `${digest}0  a`,
    `${digest.slice(1)}  a`,
    'unknown  a',
    'fifo:0123456789abcdef  a',
    'cycle  a',
    'dangling:  a',
  ])('where it is no content and a path: %j', async (line) => {
    expect(await lineOf(seal(...head, line))).toBe(6);
  });

  it('but may be any content that is documented', () => {
    const contents = [digest, 'fifo', 'socket', 'device', `dangling:${digest}`, `cycle:${digest}`];
    const text = seal(...head, ...contents.map((content, i) => `${content}  ${i}`));
    expect(parseManifest(text).entries.map(({ content }) => content)).toEqual(contents);
  });

  it('where an executable has another path than its one', async () => {
    const executable = ['distprint manifest 1', 'kind executable', 'version null', 'include default', 'exclude []'];
    expect(parseManifest(seal(...executable, `${digest}  .`)).entries).toHaveLength(1);
    expect(await lineOf(seal(...executable, `${digest}  a`))).toBe(6);
  });
});

describe('the head is refused by its line', () => {
  it.each([
    [1, 'distprint manifest 2', 'another format'],
    [1, 'distprint manifest 10', 'another format'],
    [1, 'distprint manifest 1 ', 'another format'],
    [1, 'something else', 'expected'],
    [2, 'kind', 'kind'],
    [2, 'kind bundle', 'unknown kind'],
    [2, 'kind  package', 'unknown kind'],
    [2, 'sort package', 'kind'],
    [3, 'version 1', 'version'],
    [3, 'version "1', 'version'],
    [3, 'version ["1"]', 'version'],
    [3, 'versions "1"', 'version'],
    [4, 'include null', 'include'],
    [4, 'include [1]', 'include'],
    [4, 'include {}', 'include'],
    [4, 'include "a"', 'include'],
    [5, 'exclude default', 'exclude'],
    [5, 'exclude null', 'exclude'],
    [5, 'exclude [', 'exclude'],
  ])('line %i: %s', async (number, line, says) => {
    const text = withLine(number, line);
    expect(await lineOf(text)).toBe(number);
    expect((await errorOf(() => parseManifest(text))).message).toContain(says);
  });

  it.each([
    [3, 'version  "1.2.3"'],
    [3, 'version "\\u0031.2.3"'],
    [4, 'include ["b","a"]'],
    [4, 'include ["a","a"]'],
    [4, 'include [ "a" ]'],
    [5, 'exclude ["b", "c"]'],
    [5, 'exclude [ ]'],
  ])(
    'line %i: where it is not written as it is always written, though its fingerprint is right: %s',
    async (n, line) => {
      expect(await lineOf(withLine(n, line))).toBe(n);
    },
  );
});

it('an error of parsing is a DistprintError like all others', async () => {
  const error = await errorOf(() => parseManifest(''));
  expect(error).toBeInstanceOf(DistprintError);
  expect(isDistprintError(error, 'ERR_DISTPRINT_MANIFEST')).toBe(true);
  expect(isDistprintError(error, 'ERR_DISTPRINT_UNSTABLE')).toBe(false);
  expect(error.line).toBe(1);
});
