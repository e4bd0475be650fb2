import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished } from 'vitest';
import { distprint, distprintCommand } from '../helpers/cli.ts';
import { hasProgram, isPosix, needs } from '../helpers/needs.ts';
import { plainEnv } from '../helpers/run.ts';
import { makeDirectory, makeTemp } from '../helpers/temp.ts';
import { until } from '../helpers/wait.ts';

const SLOW = 60_000;
const withScript = needs('script(1)', isPosix && hasProgram('script'));

/** A file that takes minutes to read, and no room on the disk: it is one hole. */
function makeHole(file: string) {
  writeFileSync(file, '');
  truncateSync(file, 500e9);
  /** Whoever reads it starts again with what is there now, and has done. */
  return { close: () => truncateSync(file, 1000) };
}

function makeFolderWithHole() {
  const root = makeDirectory({ a: '1', c: '3' });
  return { root, ...makeHole(join(root, 'b')) };
}

interface Terminal {
  env?: NodeJS.ProcessEnv;
  columns?: number;
  /** Where stdout goes. Default: a file, so that the terminal shows stderr alone. */
  stdout?: '/dev/tty';
}

function onTerminal(args: readonly string[], { env = {}, columns = 100, stdout }: Terminal = {}) {
  const out = stdout ?? join(makeTemp(), 'stdout');
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
    shows: (text: RegExp) =>
      until(`${text} on the terminal; there is ${shown}`, () => shown.match(text)?.[0], 10, SLOW / 2),
    /** What the line still shows. */
    left: () => shown.slice(shown.lastIndexOf(ERASE) + ERASE.length).trim(),
    shown: () => shown,
    stdout: () => readFileSync(out, 'utf8'),
    interrupt: () => void child.stdin.write('\x03'),
    end: async () => (await closed)[0],
  };
}

const ERASE = '\x1b[2K';
const FOLDER = / 33 % {2}1 of 3 files, [\d.]+ [kMG]?B/;

describe('progress', { timeout: SLOW }, () => {
  withScript('is shown for a large executable in bytes, and gone at the end; stdout has JSON alone', async () => {
    const file = join(makeTemp(), 'program');
    const { close } = makeHole(file);
    const { shows, end, left, stdout } = onTerminal(['fingerprint', file, '--json']);
    await shows(/\[ {24}\] {4}0 % {2}[\d.]+ [MG]B of 500 GB/);
    close();
    expect(await end()).toBe(0);
    expect(left()).toBe('');
    expect(JSON.parse(stdout())).toMatchObject({ path: file, bytes: 1000 });
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
    const { root, close } = makeFolderWithHole();
    const { shows, end, left, stdout } = onTerminal(await toWords(root));
    await shows(/\[={8} {16}\] {3}33 % {2}1 of 3 files, [\d.]+ [MG]B/);
    close();
    expect(await end()).toBe(code);
    expect(left()).toBe('');
    expect(stdout()).not.toBe('');
    expect(stdout()).not.toContain('\x1b');
  });

  withScript('is shown at the start of watch', async () => {
    const { root, close } = makeFolderWithHole();
    const { shows, end, left, stdout, interrupt } = onTerminal(['watch', root, '--json']);
    await shows(FOLDER);
    close();
    const [start = ''] = await until('beat 0', () => stdout().match(/^.*\n/) ?? undefined);
    expect(JSON.parse(start)).toMatchObject({ beat: 0, files: 3 });
    interrupt();
    expect(await end()).toBe(0);
    expect(left()).toMatch(/^\^C\d+ beats?/);
  });

  withScript('is gone after Ctrl-C, which ends the command as it ends any', async () => {
    const { shows, end, left, stdout, interrupt } = onTerminal(['fingerprint', makeFolderWithHole().root]);
    await shows(FOLDER);
    interrupt();
    expect(await end()).toBe(130);
    expect(left()).toBe('');
    expect(stdout()).toBe('');
  });

  withScript('is coloured, but for NO_COLOR', async () => {
    const { root } = makeFolderWithHole();
    const bar = /\[(?:\x1b\[\d+m)?=[^\]]*\] /;
    const coloured = onTerminal(['fingerprint', root], { stdout: '/dev/tty' });
    expect(await coloured.shows(bar)).toContain('\x1b[32m');
    const plain = onTerminal(['fingerprint', root], { stdout: '/dev/tty', env: { NO_COLOR: '1' } });
    expect(await plain.shows(bar)).not.toContain('\x1b');
  });

  withScript('fits into a narrow terminal', async () => {
    const { shows } = onTerminal(['fingerprint', makeFolderWithHole().root], { columns: 24 });
    expect(await shows(/(?<=\x1b\[2K)[^\x1b]+(?=\x1b)/)).toMatch(/^ 33 % {2}1 of 3 files, ..$/);
  });

  withScript('is not for what takes no time', async () => {
    const { end, shown } = onTerminal(['fingerprint', makeDirectory({ a: '1' })]);
    expect(await end()).toBe(0);
    expect(shown()).toBe('');
  });

  withScript('is not for a terminal that can clear no line, nor for a pipe', async () => {
    const { root, close } = makeFolderWithHole();
    const dumb = onTerminal(['fingerprint', root], { env: { TERM: 'dumb' } });
    const piped = distprint(['fingerprint', root], { timeout: SLOW });
    await onTerminal(['fingerprint', root]).shows(FOLDER); // it was started last
    close();
    expect(await dumb.end()).toBe(0);
    expect(dumb.shown()).toBe('');
    expect(await piped).toMatchObject({ code: 0, stderr: '' });
  });
});
