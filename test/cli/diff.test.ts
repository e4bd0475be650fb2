import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { distprint } from '../helpers/cli.ts';
import { fingerprintOf } from '../helpers/manifest.ts';
import { isPosix, onlyWith } from '../helpers/needs.ts';
import { makeDirectory, makePackage, makeTemp } from '../helpers/temp.ts';

const old = () => makePackage({ 'dist/a.js': '1', 'dist/b.js': '1', 'dist/c.js': '1' });
const next = () =>
  makePackage({ 'package.json': { version: '1.3.0' }, 'dist/a.js': '1', 'dist/b.js': '2', 'dist/d.js': '1' });

async function manifestOf(root: string, ...globs: string[]): Promise<string> {
  const file = join(makeTemp(), 'manifest');
  expect((await distprint(['manifest', root, '-o', file, ...globs])).code).toBe(0);
  return file;
}

describe('distprint diff <a> <b>', () => {
  it('says nothing and exits with 0 where both are the same', async () => {
    const nothing = { code: 0, stdout: '', stderr: '' };
    const root = old();
    expect(await distprint(['diff', root, old()])).toEqual(nothing);
    expect(await distprint(['diff', root, await manifestOf(root)])).toEqual(nothing);
  });

  it('says the version change, then A, D and M, and exits with 1', async () => {
    const changes = {
      code: 1,
      stdout: 'version 1.2.3 -> 1.3.0\nA  dist/d.js\nD  dist/c.js\nM  dist/b.js\n',
      stderr: '',
    };
    const [a, b] = [old(), next()];
    const [ofA, ofB] = [await manifestOf(a), await manifestOf(b)];
    expect(await distprint(['diff', a, b])).toEqual(changes);
    expect(await distprint(['diff', ofA, b])).toEqual(changes);
    expect(await distprint(['diff', a, ofB])).toEqual(changes);
    expect(await distprint(['diff', ofA, ofB])).toEqual(changes);
  });

  it('--json says the same as one object', async () => {
    const [a, b] = [old(), next()];
    const { code, stdout } = await distprint(['diff', a, b, '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toStrictEqual({
      same: false,
      from: fingerprintOf(a),
      to: fingerprintOf(b),
      version: { from: '1.2.3', to: '1.3.0' },
      added: ['dist/d.js'],
      removed: ['dist/c.js'],
      changed: ['dist/b.js'],
    });
    const same = await distprint(['diff', a, a, '--json']);
    expect(same.code).toBe(0);
    expect(JSON.parse(same.stdout)).toMatchObject({ same: true, version: null, added: [], removed: [], changed: [] });
  });

  it('compares executables by their content', async () => {
    const root = makeDirectory({ a: '1', b: '1', c: '2' });
    expect((await distprint(['diff', 'a', 'b'], { cwd: root })).code).toBe(0);
    expect(await distprint(['diff', 'a', 'c'], { cwd: root })).toEqual({ code: 1, stdout: 'M  .\n', stderr: '' });
  });

  it('builds the one side to cover what a manifest of the other covers', async () => {
    const root = old();
    const manifest = await manifestOf(root, '--include', '**/*', '--exclude', 'notes');
    expect((await distprint(['diff', manifest, root])).code).toBe(0);
    writeFileSync(join(root, 'notes'), '');
    writeFileSync(join(root, 'README'), '');
    expect(await distprint(['diff', manifest, root])).toMatchObject({ code: 1, stdout: 'A  README\n' });
    expect(await distprint(['diff', root, manifest])).toMatchObject({ code: 1, stdout: 'D  README\n' });
  });

  it.each<[string, () => Promise<string[]> | string[], string]>([
    ['a package and a plain directory', () => [old(), makeDirectory({ a: '' })], 'do not cover the same'],
    ['a package and an executable', () => [old(), join(old(), 'dist/a.js')], 'do not cover the same'],
    [
      'manifests of other globs',
      async () => [await manifestOf(old()), await manifestOf(old(), '--include', 'dist')],
      'do not cover the same',
    ],
    [
      'a manifest of a package and a plain directory',
      async () => [await manifestOf(old()), makeDirectory({})],
      'package',
    ],
    ['a path that is not there', () => [old(), '/gone'], 'gone'],
    ['a manifest that is damaged', () => [old(), join(makeDirectory({ m: 'distprint manifest 1\n' }), 'm')], 'line 2'],
    [
      'a manifest of another format',
      () => [old(), join(makeDirectory({ m: 'distprint manifest 2\n' }), 'm')],
      'line 1',
    ],
  ])('is trouble, said plainly and with nothing on stdout: %s', async (_, make, says) => {
    const { code, stdout, stderr } = await distprint(['diff', ...(await make())]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(says);
  });

  onlyWith('names that Win32 forbids', isPosix)('names files so that no name can pass for another line', async () => {
    const [a, b] = [makeDirectory({}), makeDirectory({ 'x\nD  y': '', '\x1b[2J': '' })];
    expect((await distprint(['diff', a, b])).stdout).toBe('A  \\x1b[2J\nA  x\\nD  y\n');
  });

  it('lets no control character of a version through to the terminal', async () => {
    const [a, b] = ['1\x1b[2J', '2\x9b\n\u202e3'].map((version) => makePackage({ 'package.json': { version } }));
    const { stdout } = await distprint(['diff', a as string, b as string]);
    expect(stdout).toBe('version 1\\x1b[2J -> 2\\xc2\\x9b\\n\\xe2\\x80\\xae3\n');
    const json = await distprint(['diff', a as string, b as string, '--json']);
    expect(json.stdout).not.toMatch(/[\x1b\x9b]/);
    expect(JSON.parse(json.stdout).version).toEqual({ from: '1\x1b[2J', to: '2\x9b\n\u202e3' });
  });
});
