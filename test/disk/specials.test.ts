import { execFileSync } from 'node:child_process';
import { rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { distprint } from '../helpers/cli.ts';
import { hasProgram, isPosix, isRoot, needs, onlyWith } from '../helpers/needs.ts';
import { makeFifo, makeSocket } from '../helpers/specials.ts';
import { makeDirectory, makePackage } from '../helpers/temp.ts';

const withFifos = needs('mkfifo', hasProgram('mkfifo'));
const withSockets = onlyWith('Unix sockets', isPosix);

/** The manifest's lines for files. In a process of its own, which is killed where it hangs. */
async function linesOf(root: string): Promise<string[]> {
  const { code, stdout, stderr } = await distprint(['manifest', root]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.split('\n').slice(5, -2);
}

describe('what has no content to read is named by its kind, and nobody waits for it', () => {
  withFifos('a FIFO, links to it and links through a directory to it', async () => {
    const root = makeDirectory({ 'd/f': '' });
    makeFifo(join(root, 'd/pipe'));
    symlinkSync('d/pipe', join(root, 'link'));
    symlinkSync('d', join(root, 'e'));
    expect((await linesOf(root)).filter((line) => line.startsWith('fifo'))).toEqual([
      'fifo  d/pipe',
      'fifo  e/pipe',
      'fifo  link',
    ]);
  });

  withFifos('a FIFO that has taken the place of a file', async () => {
    const root = makePackage({ 'dist/a.js': 'x' });
    const before = (await distprint([root])).stdout;
    rmSync(join(root, 'dist/a.js'));
    makeFifo(join(root, 'dist/a.js'));
    expect(await linesOf(root)).toEqual(['fifo  dist/a.js']);
    expect((await distprint([root])).stdout).not.toBe(before);
  });

  withFifos('a FIFO named by bin or by a glob', async () => {
    const root = makePackage({ 'package.json': { version: '1', bin: 'pipe' }, 'dist/a': '' });
    makeFifo(join(root, 'pipe'));
    expect(await linesOf(root)).toContain('fifo  pipe');
    const { code, stdout } = await distprint(['manifest', root, '--include', 'pipe']);
    expect({ code, lines: stdout.split('\n').slice(5, -2) }).toEqual({ code: 0, lines: ['fifo  pipe'] });
  });

  withFifos('a FIFO in the place of dist: the package then has no dist', async () => {
    const root = makePackage({ 'a.js': '' });
    makeFifo(join(root, 'dist'));
    expect((await linesOf(root)).map((line) => line.split('  ')[1])).toEqual(['a.js', 'dist']);
  });

  withFifos('a FIFO in the place of package.json: trouble, said at once', async () => {
    const root = makeDirectory({ 'dist/a.js': '' });
    makeFifo(join(root, 'package.json'));
    const { code, stderr } = await distprint([root]);
    expect(code).toBe(2);
    expect(stderr).toContain('package.json');
  });

  withSockets('a socket and a link to it', async () => {
    const root = makeDirectory({ a: '' });
    await makeSocket(join(root, 's'));
    symlinkSync('s', join(root, 't'));
    expect((await linesOf(root)).slice(1)).toEqual(['socket  s', 'socket  t']);
  });

  onlyWith('/dev/zero', isPosix)('a link to a device', async () => {
    const root = makeDirectory({ a: '' });
    symlinkSync('/dev/zero', join(root, 'endless'));
    symlinkSync('/dev/null', join(root, 'null'));
    expect((await linesOf(root)).slice(1)).toEqual(['device  endless', 'device  null']);
  });

  onlyWith('root, for mknod', isRoot && isPosix)('a device of its own', async () => {
    const root = makeDirectory({});
    execFileSync('mknod', [join(root, 'char'), 'c', '1', '5']);
    execFileSync('mknod', [join(root, 'block'), 'b', '7', '0']);
    expect(await linesOf(root)).toEqual(['device  block', 'device  char']);
  });
});

describe('as what is to be fingerprinted, they are trouble, said at once', () => {
  withFifos('a FIFO', async () => {
    const pipe = join(makeDirectory({}), 'pipe');
    makeFifo(pipe);
    const { code, stdout, stderr } = await distprint([pipe]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('neither a regular file nor a directory');
  });

  withSockets('a socket', async () => {
    const socket = join(makeDirectory({}), 's');
    await makeSocket(socket);
    expect((await distprint([socket])).code).toBe(2);
  });

  onlyWith('/dev/zero', isPosix)('a device', async () => {
    expect((await distprint(['/dev/zero'])).code).toBe(2);
  });
});

it('a file is another thing than a FIFO of its name, and than a file that says "fifo"', async () => {
  const root = makeDirectory({ x: 'fifo' });
  expect(await linesOf(root)).toEqual([expect.stringMatching(/^[0-9a-f]{16} {2}x$/)]);
});
