import { join, sep } from 'node:path';
import { describe, expect, it } from 'vitest';
import { toToken } from '../../src/manifest/manifest.ts';
import { distprint } from '../helpers/cli.ts';
import { fingerprintOf } from '../helpers/manifest.ts';
import { hasProgram, isPosix, needs, onlyWith } from '../helpers/needs.ts';
import { run } from '../helpers/run.ts';
import { makeDirectory, makePackage } from '../helpers/temp.ts';

describe('distprint <path>', () => {
  it('prints the fingerprint, two spaces and the path as it was given', async () => {
    const root = makePackage({ 'dist/a.js': '1' });
    const line = `${fingerprintOf(root)}  ${'./dist/../'.replaceAll('/', sep)}\n`;
    expect(line).toMatch(/^xxh64-[0-9a-f]{16} {2}/);
    expect(await distprint(['./dist/../'], { cwd: root })).toEqual({ code: 0, stdout: line, stderr: '' });
    expect(await distprint(['fingerprint', './dist/../'], { cwd: root })).toEqual({
      code: 0,
      stdout: line,
      stderr: '',
    });
  });

  it('prints a line a path; one that is trouble is said on stderr, the others are printed, and the exit code is 2', async () => {
    const cwd = makeDirectory({ a: '1', 'p/package.json': '{', b: '2' });
    const { code, stdout, stderr } = await distprint(['a', 'gone', 'p', 'b'], { cwd });
    const lines = ['a', 'b'].map((name) => `${fingerprintOf(join(cwd, name))}  ${name}\n`);
    expect({ code, stdout }).toEqual({ code: 2, stdout: lines.join('') });
    const said = stderr.trim().split('\n');
    expect(said).toHaveLength(2);
    expect(said[0]).toMatch(/^distprint: .*gone.*no such file or directory/);
    expect(said[1]).toMatch(/^distprint: .*p[\\/]package\.json.*not JSON/);
  });

  it('takes globs, each option as often as needed', async () => {
    const root = makePackage({ 'a.js': '', 'b.js': '', 'c.js': '', 'd.md': '' });
    const args = ['--include', '*.js', '--include', 'd.md', '--exclude', 'b.js', '--exclude', 'c.js', root];
    const expected = fingerprintOf(root, { include: ['*.js', 'd.md'], exclude: ['b.js', 'c.js'] });
    expect((await distprint(args)).stdout).toBe(`${expected}  ${root}\n`);
  });

  it('an --include that matches nothing is an error, and one of two that does is none', async () => {
    const cwd = makeDirectory({ 'p/package.json': '{"version":"1.0.0"}', 'p/a.js': '' });
    expect(await distprint(['p', '--include', 'lib/**'], { cwd })).toEqual({
      code: 2,
      stdout: '',
      stderr: 'distprint: error: --include "lib/**" matches no file in p; globs are relative to it\n',
    });
    const excluded = await distprint(['p', '--include', 'a.*', '--exclude', '*.js'], { cwd });
    expect(excluded.code).toBe(2);
    expect(excluded.stderr).toContain('--include "a.*" without --exclude "*.js" matches no file in p');
    expect((await distprint(['p', '--include', 'lib/**', '--include', '*.js'], { cwd })).code).toBe(0);
  });

  needs('sha256sum', isPosix && hasProgram('sha256sum'))('escapes paths just as sha256sum does', async () => {
    const names = ['a\nb', 'a\\b', 'a\rb', '\\', 'a b', '  ', 'é', '-dash', 'a\tb', '\\\n\r'];
    const cwd = makeDirectory(Object.fromEntries(names.map((name) => [name, ''])));
    const ours = await distprint(['--', ...names], { cwd });
    const theirs = await run(['sha256sum', '--', ...names], { cwd });
    expect(ours.code).toBe(0);
    expect(ours.stdout.replace(/xxh64-[0-9a-f]{16}/g, '#')).toBe(theirs.stdout.replace(/[0-9a-f]{64}/g, '#'));
  });

  it('keeps what a name could do to a terminal out of its messages', async () => {
    const { code, stderr } = await distprint(['\x1b[31mgone\n']);
    expect(code).toBe(2);
    expect(stderr).toContain('\\x1b[31mgone\\n');
    expect(stderr).not.toContain('\x1b');
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});

describe('distprint <path> --json', () => {
  it('prints an object a line, with exactly the documented fields', async () => {
    const root = makePackage({ 'dist/a.js': '12', 'dist/b.js': '345' });
    const { code, stdout } = await distprint([root, join(root, 'dist'), join(root, 'dist/a.js'), '--json']);
    expect(code).toBe(0);
    const reports = stdout
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    const common = (path: string, kind: string) => ({
      path,
      kind,
      name: null,
      version: null,
      fingerprint: fingerprintOf(path),
      token: toToken(fingerprintOf(path)),
      elapsedMs: expect.any(Number),
    });
    expect(reports).toStrictEqual([
      { ...common(root, 'package'), name: 'example', version: '1.2.3', files: 2, bytes: 5 },
      { ...common(join(root, 'dist'), 'directory'), files: 2, bytes: 5 },
      { ...common(join(root, 'dist/a.js'), 'executable'), files: 1, bytes: 2 },
    ]);
  });

  onlyWith('names that Win32 forbids', isPosix)('prints a path as it is, whatever is in it', async () => {
    const cwd = makeDirectory({ 'a\n"\\': '' });
    const { stdout } = await distprint(['--json', 'a\n"\\'], { cwd });
    expect(stdout.split('\n')).toHaveLength(2);
    expect(JSON.parse(stdout)).toMatchObject({ path: 'a\n"\\' });
  });

  it('says trouble on stderr alone', async () => {
    const { code, stdout, stderr } = await distprint(['--json', '/gone']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('gone');
  });
});
