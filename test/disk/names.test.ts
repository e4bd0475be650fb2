import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readPath } from '../../src/disk/raw-path.ts';
import { buildManifestSync } from '../../src/manifest/build.ts';
import { parseManifest, serializeManifest } from '../../src/manifest/manifest.ts';
import { contentsOf, fingerprintOf, pathsOf } from '../helpers/manifest.ts';
import { hasProgram, legalNames, onlyWith } from '../helpers/needs.ts';
import { run } from '../helpers/run.ts';
import { makeDirectory } from '../helpers/temp.ts';

const isLinux = process.platform === 'linux';
const withAnyBytes = onlyWith('a file system whose names are any bytes (Linux)', isLinux);

/** A directory of files whose names are these bytes (a character each), each with its name as its content. */
function makeNamed(...names: string[]): string {
  const root = makeDirectory({});
  for (const name of names) {
    const slash = name.lastIndexOf('/');
    if (slash > 0) mkdirSync(Buffer.from(`${root}/${name.slice(0, slash)}`, 'latin1'), { recursive: true });
    writeFileSync(Buffer.from(`${root}/${name}`, 'latin1'), Buffer.from(name, 'latin1'));
  }
  return root;
}
const utf8 = (text: string) => Buffer.from(text).toString('latin1');

describe('a name', () => {
  withAnyBytes.each([
    ['with spaces', '  a  b ', '  a  b '],
    ['with a newline', 'a\nb', 'a\\nb'],
    ['with a carriage return', 'a\rb', 'a\\x0db'],
    ['with a leading dash', '-rf', '-rf'],
    ['with a backslash', 'a\\b', 'a\\\\b'],
    ['with a tab', 'a\tb', 'a\\x09b'],
    ['with an escape for a terminal', '\x1b[31m', '\\x1b[31m'],
    ['with DEL and a C1 control', `\x7f${utf8('\u0085')}`, '\\x7f\\xc2\\x85'],
    ['of glob characters', '[a]*{b,c}?!(d)', '[a]*{b,c}?!(d)'],
    ['composed', utf8('\u00e9'), '\u00e9'],
    ['decomposed', utf8('e\u0301'), 'e\u0301'],
    ['with an emoji', utf8('👩‍🚀'), '👩‍🚀'],
    ['that is no UTF-8', 'a\xff\xfe', 'a\\xff\\xfe'],
    ['that is UTF-8 cut short', 'a\xe2\x82', 'a\\xe2\\x82'],
    ['with a surrogate in UTF-8', '\xed\xa0\x80', '\\xed\\xa0\\x80'],
    ['with an overlong slash', '\xc0\xaf', '\\xc0\\xaf'],
    ['with the replacement character itself', utf8('\ufffd'), '\ufffd'],
    ['of 255 bytes', '\xff'.repeat(255), '\\xff'.repeat(255)],
    ['like a member of Object.prototype', '__proto__', '__proto__'],
  ])('%s is covered, written readably, and read back', (_, name, written) => {
    const root = makeNamed(name, 'other');
    const built = buildManifestSync(root);
    expect(built.entries.map(({ path }) => path)).toContain(written);
    expect(readPath(written)).toBe(name);
    expect(parseManifest(serializeManifest(built)).entries).toEqual(built.entries);
  });

  withAnyBytes.each(['new\nline', 'back\\slash', 'cr\rcr', '\xff\xfe', utf8('\u00e9'), '[a]', '{a,b}', '!x', '(a|b)'])(
    '%j of a directory hides nothing below it',
    (name) => {
      const root = makeNamed(`${name}/${name}/f`, `${name}/~`);
      expect(pathsOf(root).map(readPath)).toEqual([`${name}/${name}/f`, `${name}/~`].sort());
      expect(pathsOf(root, { include: ['**/f'] }).map(readPath)).toEqual([`${name}/${name}/f`]);
      expect(pathsOf(root, { include: ['*/*'] }).map(readPath)).toEqual([`${name}/~`]);
      expect(pathsOf(root, { exclude: ['**/f'] }).map(readPath)).toEqual([`${name}/~`]);
    },
  );
});

describe('two trees never share a manifest text', () => {
  withAnyBytes('that tell apart only by what a careless decoder makes one', () => {
    const names = ['\xff', '\xfe', '\xc3', '\xe9', utf8('\ufffd'), utf8('é'), utf8('e\u0301'), utf8('ÿ'), '\\xff', '?'];
    const trees = names.map((name) => {
      const root = makeDirectory({});
      writeFileSync(Buffer.from(`${root}/${name}`, 'latin1'), '');
      return root;
    });
    const texts = trees.map((root) => serializeManifest(buildManifestSync(root)));
    expect(new Set(texts).size).toBe(names.length);
    expect(new Set(trees.map((root) => fingerprintOf(root))).size).toBe(names.length);
  });

  withAnyBytes('that tell apart only by a real newline and the text of its escape', () => {
    const texts = ['a\nb', 'a\\nb', 'a\\x0ab', 'a\\\\nb'].map((name) => {
      const root = makeDirectory({});
      writeFileSync(`${root}/${name}`, '');
      return serializeManifest(buildManifestSync(root));
    });
    expect(new Set(texts).size).toBe(4);
    expect(texts.map((text) => text.split('\n').length)).toEqual([8, 8, 8, 8]);
  });

  withAnyBytes('of which one holds a name that reads like lines of a manifest', () => {
    const honest = makeDirectory({ a: '', b: '' });
    const line = contentsOf(buildManifestSync(honest)).b;
    const forged = makeDirectory({});
    writeFileSync(`${forged}/a\n${line}  b`, '');
    expect(fingerprintOf(forged)).not.toBe(fingerprintOf(honest));
    expect(buildManifestSync(forged).entries).toHaveLength(1);
  });
});

withAnyBytes('both Unicode forms of one name stand side by side, each with its own content', () => {
  const root = makeNamed(utf8('\u00e9'), utf8('e\u0301'));
  const contents = contentsOf(buildManifestSync(root));
  expect(Object.keys(contents)).toEqual(['e\u0301', '\u00e9']);
  expect(new Set(Object.values(contents)).size).toBe(2);
});

onlyWith('sort -z (Linux)', isLinux && hasProgram('sort'))('the order is that of `LC_ALL=C sort`', async () => {
  const names = [
    'a',
    'B',
    'a.b',
    'a/b',
    'a0',
    'a-',
    'a\nb',
    'a b',
    utf8('é'),
    utf8('z'),
    '\xff',
    utf8('😀'),
    utf8('\uffee'),
  ];
  const root = makeNamed(...names.filter((name) => name !== 'a' && name !== 'B'), 'B/x', '_', 'Z', '~', '\x01');
  const ours = pathsOf(root).map((path) => readPath(path) ?? '');
  const input = Buffer.from([...ours].reverse().join('\0'), 'latin1');
  const { stdout } = await run(['sh', '-c', 'LC_ALL=C sort -z | od -An -v -tx1'], { input });
  const sorted = Buffer.from(stdout.replace(/\s/g, ''), 'hex').toString('latin1').split('\0').slice(0, -1);
  expect(ours).toHaveLength(16);
  expect(ours).toEqual(sorted);
});

it('a root may have any name that can be typed', () => {
  const expected = fingerprintOf(makeDirectory({ a: '1' }));
  for (const name of legalNames(['new\nline', 'back\\slash', '-x', '[a]*', '[a]', 'é 👩‍🚀'])) {
    const parent = makeDirectory({ [`${name}/a`]: '1' });
    expect(fingerprintOf(`${parent}/${name}`)).toBe(expected);
  }
});
