import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { distprint, distprintCommand } from '../helpers/cli.ts';
import { hasProgram, isPosix, needs } from '../helpers/needs.ts';
import { plainEnv } from '../helpers/run.ts';
import { makeDirectory, makeTemp } from '../helpers/temp.ts';
import { until } from '../helpers/wait.ts';

const SLOW = 120_000;
const GB = 1e9;
const withScript = needs('script(1)', isPosix && hasProgram('script'));

/** A file that takes seconds to read, and no room on the disk: it is one hole. */
function makeHole(file: string, bytes: number): string {
  writeFileSync(file, '');
  truncateSync(file, bytes);
  return file;
}

const makeLargeFolder = (bytes = 8 * GB) => {
  const root = makeDirectory({ a: '1', c: '3' });
  makeHole(join(root, 'b'), bytes);
  return root;
};

/** Its stdout goes to a file, so that the terminal shows stderr alone. */
function onTerminal(args: readonly string[], env: NodeJS.ProcessEnv = {}, columns = 100) {
  const out = join(makeTemp(), 'stdout');
  const words = [...distprintCommand, ...args].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qec', `stty cols ${columns}; exec ${words} >'${out}'`, '/dev/null'], {
    env: { ...plainEnv, TERM: 'xterm', ...env },
  });
  const closed = once(child, 'close') as Promise<[code: number | null]>;
  let shown = '';
  child.stdout.on('data', (bytes) => (shown += bytes));
  child.stdin.on('error', () => {});
  onTestFinished(async () => {
    child.kill('SIGKILL'); // with its terminal, the command ends
    await closed;
  });
  return {
    shows: (text: string | RegExp) =>
      until(`${text} on the terminal; there is ${shown}`, () => shown.match(text)?.[0], 10, 60_000),
    stdout: () => readFileSync(out, 'utf8'),
    shown: () => shown,
    interrupt: () => void child.stdin.write('\x03'),
    end: async () => (await closed)[0],
  };
}

const ERASE = '\x1b[2K';
/** What a line still shows at the end. */
const left = (shown: string) => shown.slice(shown.lastIndexOf(ERASE) + ERASE.length).trim();

describe('progress', { timeout: SLOW }, () => {
  withScript('is shown for a large executable in bytes, and gone at the end; stdout has JSON alone', async () => {
    const file = makeHole(join(makeTemp(), 'program'), 8 * GB);
    const { end, shown, stdout } = onTerminal(['fingerprint', file, '--json']);
    expect(await end()).toBe(0);
    expect(shown()).toMatch(/\[.*=.* *\] {3,}\d+ % {2}[\d.]+ (?:MB|GB) of 8.0 GB/);
    expect(left(shown())).toBe('');
    expect(JSON.parse(stdout())).toMatchObject({ path: file, bytes: 8 * GB });
  });

  const manifestOfAnother = async () => {
    const manifest = join(makeTemp(), 'another.manifest');
    await distprint(['manifest', makeDirectory({ a: '1' }), '-o', manifest]);
    return manifest;
  };
  withScript.each([
    ['manifest', 0, (root: string) => ['manifest', root]],
    ['verify', 1, async (root: string) => ['verify', root, '--manifest', await manifestOfAnother()]],
    ['seal', 0, (root: string) => ['seal', root]],
  ])('is shown for a large folder in files: %s', async (_, code, toWords) => {
    const { end, shown, stdout } = onTerminal(await toWords(makeLargeFolder()));
    expect(await end()).toBe(code);
    expect(shown()).toMatch(/ [3-9]\d % {2}1 of 3 files, [\d.]+ (?:MB|GB)/);
    expect(left(shown())).toBe('');
    expect(stdout()).not.toContain('\x1b');
  });

  withScript('is shown at the start of watch', async () => {
    const { end, shows, shown, interrupt, stdout } = onTerminal(['watch', makeLargeFolder(), '--json']);
    await shows(/\d+ % {2}1 of 3 files/);
    const start = await until('beat 0', () => stdout() || undefined, 10, 60_000);
    expect(JSON.parse(start)).toMatchObject({ beat: 0, files: 3 });
    expect(left(shown())).toBe('');
    interrupt();
    expect(await end()).toBe(0);
  });

  withScript('is gone after Ctrl-C, which ends the command as it ends any', async () => {
    const { end, shows, shown, interrupt, stdout } = onTerminal(['fingerprint', makeLargeFolder(500 * GB)]);
    await shows('files');
    interrupt();
    expect(await end()).toBe(130);
    expect(left(shown())).toBe('');
    expect(stdout()).toBe('');
  });

  withScript('is coloured, but for NO_COLOR', async () => {
    const root = makeLargeFolder(500 * GB);
    const coloured = onTerminal(['fingerprint', root]);
    expect(await coloured.shows(/\[.*\] .*files/)).toContain('\x1b[32m');
    const plain = onTerminal(['fingerprint', root], { NO_COLOR: '1' });
    expect(await plain.shows(/\[.*\] .*files/)).toMatch(/^\[=* *\] +\d+ % {2}1 of 3 files$/);
  });

  withScript('fits into a narrow terminal', async () => {
    const { shows } = onTerminal(['fingerprint', makeLargeFolder(500 * GB)], {}, 24);
    expect(await shows(/\x1b\[2K[^\x1b]+\x1b/)).toMatch(/^\x1b\[2K +\d+ % {2}1 of 3 files, ?\S*\x1b$/);
  });

  withScript('is not there where it takes no time, nor on a terminal that can clear no line', async () => {
    const quick = onTerminal(['fingerprint', makeDirectory({ a: '1' })]);
    expect(await quick.end()).toBe(0);
    expect(quick.shown()).toBe('');
    const dumb = onTerminal(['fingerprint', makeLargeFolder()], { TERM: 'dumb' });
    expect(await dumb.end()).toBe(0);
    expect(dumb.shown()).toBe('');
  });

  it('is not for a pipe', async () => {
    const { code, stderr } = await distprint(['fingerprint', makeLargeFolder()], { timeout: SLOW });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});
