import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BENCH_MS, bench, benchJson, makeFiles } from '../../helpers/bench.ts';
import { distprintCommand } from '../../helpers/cli.ts';
import { hasProgram, isPosix, isWine, needs, onlyWith } from '../../helpers/needs.ts';
import { plainEnv, run } from '../../helpers/run.ts';
import { makeDirectory, makePackage, makeTemp, writeTree } from '../../helpers/temp.ts';
import { until } from '../../helpers/wait.ts';

const files = { 'dist/a.js': 'alpha', 'dist/b.js': 'beta' };
const named = (name: string) => makePackage({ 'package.json': { name }, ...files });

describe('distprint bench exits', { timeout: BENCH_MS }, () => {
  it('with 1 where a beat takes more than its share, and says so', async () => {
    const { code, stdout } = await bench([makePackage(files), '--quick', '--budget', '1ms', '--max-share', '0.01%']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^over: a beat takes .* of 1 ms; the limit is 0\.01 %$/m);
  });

  const atSpeed = onlyWith('processes that start in less than the seconds that they take under Wine', !isWine);
  atSpeed('with 1 where head has twice the files of base', async () => {
    const [base, head] = [makePackage(makeFiles(100)), makePackage(makeFiles(200))];
    const { code, report } = await benchJson(head, '--baseline', base);
    expect(report.judged.find(({ what }) => what === 'beat')).toMatchObject({ over: true });
    expect(code).toBe(1);
  });

  it('with 0 for a file, which is measured as an executable', async () => {
    const file = join(makePackage(files), 'dist/a.js');
    const { code, report } = await benchJson(file, '--max-stall', '10s');
    expect(code).toBe(0);
    expect(report).toMatchObject({ kind: 'executable', name: null, files: 1, directories: 0, bytes: 5 });
    expect(report.counters.beat).toMatchObject({ stats: 1, opens: 0 });
  });
});

describe('distprint bench is trouble, said on stderr,', { timeout: BENCH_MS }, () => {
  const empty = () => {
    const root = makePackage({});
    mkdirSync(join(root, 'dist'));
    return root;
  };
  it.each([
    ['for no path', () => [], 'path'],
    ['for a path that is not there', () => ['gone'], 'gone: no such file or directory'],
    ['for an empty dist', () => [empty()], 'its dist is empty; build it first'],
    ['for a folder without a file', () => [makeDirectory({})], 'no file counts there'],
    [
      'for a baseline that is not there',
      () => [named('a'), '--baseline', 'origin/main'],
      'main: no such file or directory; give the path of a build',
    ],
    ['for a baseline of another name', () => [named('a'), '--baseline', named('b')], 'is the package b, '],
    [
      'for a file as the baseline of a package',
      () => [named('a'), '--baseline', join(named('a'), 'dist/a.js')],
      'is a plain executable, ',
    ],
    ['for a budget of nothing', () => ['.', '--budget', '0'], 'not a duration: "0"'],
    ['for a budget that is none', () => ['.', '--budget', 'NaN'], 'not a duration: "NaN"'],
    ['for a stall of nothing', () => ['.', '--max-stall', '0ms'], 'not a duration: "0ms"'],
    ['for a share of nothing', () => ['.', '--max-share', '0%'], '--max-share: not a share: "0%"'],
    ['for a share that is none', () => ['.', '--max-share', 'NaN'], '--max-share: not a share: "NaN"'],
    ['for a share below nothing', () => ['.', '--max-slower=-1%'], '--max-slower: not a share: "-1%"'],
    ['for an unknown format', () => ['.', '--format', 'xml'], 'Allowed choices are github, hyperfine, openmetrics'],
    ['for two outputs', () => ['.', '--json', '--md'], "'--json' cannot be used with option '--md'"],
  ])('%s', async (_, make, says) => {
    const { code, stdout, stderr } = await bench(make(), { cwd: makePackage(files) });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(says);
    expect(stderr).toMatch(/^distprint: /);
    expect(stderr).not.toMatch(/^ +at /m); // no stack trace
  });

  it('for a baseline that is a git ref: it says how to build one', async () => {
    const { stderr } = await bench([named('a'), '--baseline', 'main']);
    expect(stderr).toContain('for a git ref, build it first: git worktree add');
  });

  it('for what changes while it is measured', async () => {
    const root = makePackage(files);
    let count = 0;
    const timer = setInterval(() => writeTree(root, { 'dist/a.js': `alpha ${count++}` }), 20);
    onTestFinished(() => clearInterval(timer));
    const { code, stdout, stderr } = await bench([root, '--quick']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^distprint: error: .* changed (?:while|each of the)/);
  });

  it('for a picture that cannot be written, before anything is measured', async () => {
    const svg = join(makeTemp(), 'none', 'a.svg');
    const { code, stdout, stderr } = await bench([makePackage(files), '--svg', svg], { timeout: 15_000 });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`${svg}: its folder is not there`);
  });
});

describe('distprint bench that is ended', { timeout: BENCH_MS }, () => {
  onlyWith('signals that a process can handle', isPosix).each(['SIGINT', 'SIGTERM'] as const)(
    'by %s leaves nothing behind, and gives no verdict',
    async (signal) => {
      const temp = makeTemp();
      const root = makePackage(files);
      const [file = '', ...words] = [...distprintCommand, 'bench', root];
      const child = spawn(file, words, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...plainEnv, TMPDIR: temp } });
      onTestFinished(() => void child.kill('SIGKILL'));
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (said += bytes));
      const closed = once(child, 'close');
      await until('its folder', () => (readdirSync(temp).length > 0 ? true : undefined), 10, 60_000);
      child.kill(signal);
      expect(await closed).toEqual([null, signal]);
      expect(said).toBe('');
      expect(readdirSync(temp)).toEqual([]);
    },
  );
});

describe('distprint bench on a terminal', { timeout: BENCH_MS }, () => {
  const withScript = needs('script(1)', isPosix && hasProgram('script'));
  const onTerminal = (env: NodeJS.ProcessEnv) => {
    const words = [...distprintCommand, 'bench', makePackage(files), '--quick'];
    const command = words.map((word) => `'${word}'`).join(' ');
    return run(['script', '-qec', command, '/dev/null'], {
      env: { ...plainEnv, TERM: 'xterm', ...env },
      timeout: BENCH_MS,
    });
  };

  withScript('says how far it is, takes that away again, and colours the verdict', async () => {
    const { stdout } = await onTerminal({});
    expect(stdout).toMatch(/\x1b\[1G\x1b\[2K(?:cold build|beat|first answer|stalls): \d+ of \d+/);
    expect(stdout.slice(0, stdout.indexOf('example 1.2.3'))).toMatch(/\x1b\[1G\x1b\[2K$/);
    expect(stdout).toMatch(/\x1b\[3[12]m(?:within|over): /);
  });

  withScript('has no colour with NO_COLOR, and says nothing on the way where it is dumb', async () => {
    const { stdout } = await onTerminal({ NO_COLOR: '1', TERM: 'dumb' });
    expect(stdout).toMatch(/^(?:within|over): a beat takes/m);
    expect(stdout).not.toContain('\x1b');
    expect(stdout).not.toMatch(/\d of \d/);
  });
});
