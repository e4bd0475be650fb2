import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { linkSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { distprint, distprintCommand } from '../helpers/cli.ts';
import { fingerprintOf } from '../helpers/manifest.ts';
import { hasProgram, isPosix, needs, onlyWith } from '../helpers/needs.ts';
import { plainEnv, run } from '../helpers/run.ts';
import { makePackage, makeTemp, writeTree } from '../helpers/temp.ts';
import { makeSharedTemp, writePackage } from '../helpers/tree.ts';
import { notRacy, until } from '../helpers/wait.ts';

const itWithSignals = onlyWith('signals that a process can handle', isPosix);

const files = { 'dist/a.js': 'alpha', 'dist/b.js': 'beta' };

interface Beat {
  beat: number;
  verdict: string;
  fingerprint: string | null;
  elapsedMs: number;
  filesRead: number;
  reason?: string;
  [more: string]: unknown;
}

/** Starts a watch that ends with the test at the latest. */
function startWatch(...args: string[]) {
  const [file = '', ...rest] = [...distprintCommand, 'watch', ...args];
  const child = spawn(file, rest, { stdio: ['ignore', 'pipe', 'pipe'], env: plainEnv });
  onTestFinished(() => void child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (bytes) => (stdout += bytes));
  child.stderr.on('data', (bytes) => (stderr += bytes));
  const closed = once(child, 'close');
  const lines = () => stdout.split('\n').slice(0, -1);
  const beats = () => lines().map((line) => JSON.parse(line) as Beat);
  return {
    lines,
    beats,
    /** The first beat with this verdict after beat number `after`. */
    beat: (verdict: string, after = -1) =>
      until(`a beat that says ${verdict}`, () => beats().find((each) => each.beat > after && each.verdict === verdict)),
    async stop(signal: NodeJS.Signals) {
      child.kill(signal);
      const [code] = await closed;
      return { code, stderr, last: lines().at(-1) };
    },
  };
}

const temp = makeSharedTemp();
const quiet = writePackage(join(temp, 'quiet'), files);
beforeAll(notRacy);

describe('distprint watch --json', () => {
  it('prints a line for each beat, with its cost; the start is beat 0; the summary goes to stderr', async () => {
    const { code, stdout, stderr } = await distprint(['watch', quiet, '--json', '--beats', '3', '--interval', '20ms']);
    const fingerprint = fingerprintOf(quiet);
    const lines = stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Beat);
    const elapsedMs = expect.any(Number);
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    const same = { time, verdict: 'current', fingerprint, elapsedMs };
    expect(lines).toEqual([
      {
        beat: 0,
        ...same,
        filesRead: 2,
        path: quiet,
        kind: 'package',
        name: 'example',
        version: '1.2.3',
        files: 2,
        bytes: 9,
      },
      { beat: 1, ...same, filesRead: 0 },
      { beat: 2, ...same, filesRead: 0 },
      { beat: 3, ...same, filesRead: 0 },
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '3 beats: 3 current; at the end current\n' });
  });

  it('tells an edit, a touch, what is missing and what came back, and ends at a signal', async () => {
    const root = makePackage(files);
    const baseline = fingerprintOf(root);
    const watch = startWatch(root, '--json', '--interval', '30ms');
    const first = await watch.beat('current', 0);
    utimesSync(join(root, 'dist/a.js'), 1, 1);
    const touched = await watch.beat('current', first.beat + 1);
    expect(touched.fingerprint).toBe(baseline);
    writeTree(root, { 'dist/a.js': 'ALPHA', 'package.json': { version: '2.0.0' } });
    const settling = await watch.beat('settling');
    expect(settling.reason).toContain('quiet');
    const changed = await watch.beat('changed');
    expect(changed).toMatchObject({
      fingerprint: fingerprintOf(root),
      versions: { started: '1.2.3', installed: '2.0.0' },
      changes: { version: { from: '1.2.3', to: '2.0.0' }, added: [], removed: [], changed: ['dist/a.js'] },
    });
    renameSync(root, `${root}.away`);
    const missing = await watch.beat('missing');
    expect(missing).toMatchObject({ fingerprint: null, reason: expect.stringContaining(root) });
    renameSync(`${root}.away`, root);
    await watch.beat('changed', missing.beat);
    writeTree(root, { 'dist/a.js': 'alpha', 'package.json': { version: '1.2.3' } });
    expect((await watch.beat('current', missing.beat)).fingerprint).toBe(baseline);
    if (!isPosix) return; // there a signal ends a process without a word
    const { code, stderr } = await watch.stop('SIGTERM');
    expect(code).toBe(0);
    expect(stderr).toMatch(/^\d+ beats: .*\d+ missing.*; at the end current\n$/);
    expect(watch.beats().map(({ beat }) => beat)).toEqual(watch.beats().map((_, i) => i));
  });
});

describe('distprint watch for people', () => {
  it('prints what was there at the start, a beat where it says something new, and one summary', async () => {
    const { code, stdout, stderr } = await distprint(['watch', quiet, '--beats', '5', '--interval', '20ms']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [start = '', ...more] = stdout.trimEnd().split('\n');
    expect(start).toContain('example 1.2.3  2 files, 9 B');
    expect(start).toContain(fingerprintOf(quiet));
    expect(more).toEqual([
      expect.stringMatching(/^\d\d:\d\d:\d\d {2}beat 1 {2}current {2}.* 0 files read$/),
      '5 beats: 5 current; at the end current',
    ]);
  });

  itWithSignals('has a line for a beat that read a file, and ends at SIGINT with the summary', async () => {
    const root = makePackage(files);
    const watch = startWatch(root, '--interval', '20ms');
    await until('a beat', () => (watch.lines().length >= 2 ? true : undefined));
    utimesSync(join(root, 'dist/a.js'), 1, 1);
    await until('what it read', () => watch.lines().findLast((line) => / current .* [12] files? read$/.test(line)));
    const { code, stderr, last } = await watch.stop('SIGINT');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(last).toMatch(/^\d+ beats?: \d+ current; at the end current$/);
  });

  it('says what changed, in words', async () => {
    const root = makePackage(files);
    const watch = startWatch(root, '--interval', '50ms');
    await until('a beat', () => (watch.lines().length >= 2 ? true : undefined));
    writeFileSync(join(root, 'dist/b.js'), 'BETA');
    const line = await until('changed', () => watch.lines().find((each) => each.includes('changed')));
    expect(line).toMatch(/^[\d:]{8} {2}beat \d+ {2}changed .* 1 changed, dist\/b\.js$/);
    if (isPosix) expect((await watch.stop('SIGINT')).code).toBe(0);
  });

  it('prints the time of each beat', async () => {
    const clock = (ms: number) => new Date(ms).toTimeString().slice(0, 8);
    const beforeMs = Date.now();
    const { stdout } = await distprint(['watch', quiet, '--beats', '1', '--interval', '10ms']);
    const time = stdout.split('\n')[1]?.slice(0, 8);
    const possible = Array.from({ length: (Date.now() - beforeMs) / 1000 + 2 }, (_, i) => clock(beforeMs + i * 1000));
    expect(possible).toContain(time);
  });

  it('lets no control character of a name or version through to the terminal', async () => {
    const root = makePackage({ 'package.json': { name: 'a\x1b[2J', version: '1\x9b2J' } });
    const { code, stdout } = await distprint(['watch', root, '--beats', '1', '--interval', '10ms']);
    expect(code).toBe(0);
    expect(stdout).toContain('a\\x1b[2J 1\\xc2\\x9b2J  ');
    expect(stdout).not.toMatch(/[\x1b\x9b]/);
  });

  needs('script(1)', hasProgram('script'))(
    'on a terminal, a beat that says nothing new replaces the line that said it, and none that says what was read',
    async () => {
      const onTerminal = async (root: string) => {
        const words = [...distprintCommand, 'watch', root, '--beats', '3', '--interval', '20ms'];
        const command = words.map((word) => `'${word}'`).join(' ');
        const { stdout } = await run(['script', '-qec', command, '/dev/null'], { env: { ...plainEnv, TERM: 'xterm' } });
        return stdout.split('\n').slice(1, 4);
      };
      const isOver = (line: string) => line.startsWith('\x1b[1A\x1b[2K');
      expect((await onTerminal(quiet)).map(isOver)).toEqual([false, true, true]);
      // What was written just now is read once more: in each beat until its timestamps can tell.
      const fresh = await onTerminal(makePackage(files));
      const read = fresh.map((line) => !line.includes(' 0 files read'));
      expect(read[0]).toBe(true);
      expect(fresh.map(isOver)).toEqual(read.map((_, i) => i > 0 && !read[i] && !read[i - 1]));
    },
  );

  it('ends by itself after --beats', async () => {
    const { code, stdout } = await distprint(['watch', quiet, '--beats', '1', '--interval', '10ms']);
    expect(code).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(3);
  });

  itWithSignals('ended by a signal before its first beat, or right after it, says that too', async () => {
    const watch = startWatch(quiet, '--interval', '1h');
    await until('the start', () => (watch.lines().length === 1 ? true : undefined));
    const last = expect.stringMatching(/^(?:0 beats|1 beat: 1 current); at the end current$/);
    expect(await watch.stop('SIGINT')).toEqual({ code: 0, stderr: '', last });
  });
});

describe('distprint watch listens', () => {
  onlyWith('directories that may be listened to', isPosix)('and looks as soon as something moves', async () => {
    const root = makePackage(files);
    const watch = startWatch(root, '--json', '--interval', '1h');
    await watch.beat('current', 0);
    writeFileSync(join(root, 'dist/b.js'), 'BETA');
    const { fingerprint } = await watch.beat('changed');
    expect(fingerprint).toBe(fingerprintOf(root));
    expect(await watch.stop('SIGINT')).toMatchObject({ code: 0 });
  });

  onlyWith('directories that may be listened to', isPosix)('and says on stderr that an event got lost', async () => {
    const root = makePackage(files);
    const other = join(makeTemp(), 'other.js');
    linkSync(join(root, 'dist/b.js'), other);
    const watch = startWatch(root, '--json', '--interval', '200ms');
    await watch.beat('current', 0);
    writeFileSync(other, 'BETA'); // by way of a directory that is not listened to
    await watch.beat('changed');
    const { stderr } = await watch.stop('SIGINT');
    expect(stderr).toMatch(/^distprint: a change was found of which no event had told.*\n\d+ beats: /);
  });
});

describe('distprint watch is trouble, said on stderr,', () => {
  it.each([
    ['for a path that is not there', [join('none', 'such')], join('none', 'such')],
    ['for an --include that matches nothing', [quiet, '--include', 'lib/**'], 'matches no file'],
    ['for no whole number of beats', [quiet, '--beats', '0.5'], '--beats'],
    ['for an interval that is none', [quiet, '--interval', 'soon'], 'soon'],
  ])('%s', async (_, args, named) => {
    const cwd = makeTemp();
    const { code, stdout, stderr } = await distprint(['watch', ...args], { cwd });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(named);
  });
});
