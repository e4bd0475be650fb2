import { describe, expect, it } from 'vitest';
import { distprint, distprintCommand } from '../helpers/cli.ts';
import { hasProgram, isPosix, needs, onlyWith } from '../helpers/needs.ts';
import { plainEnv, run } from '../helpers/run.ts';
import { makeDirectory } from '../helpers/temp.ts';

const COMMANDS = [
  'fingerprint',
  'manifest',
  'diff',
  'verify',
  'seal',
  'watch',
  'run',
  'bench',
  'status',
  'doctor',
  'completion',
];

describe('the command line', () => {
  it('--help says each command on stdout and exits with 0', async () => {
    const { code, stdout, stderr } = await distprint(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^ +${command}\\b`, 'm'));
    expect(stdout).toContain('Exit codes');
  });

  it.each(COMMANDS)('%s --help exits with 0', async (command) => {
    const { code, stdout, stderr } = await distprint([command, '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`distprint ${command}`);
    expect(stdout).toMatch(/^Examples?:\n {2}\S/m);
    expect(stdout).toContain('Exit codes');
  });

  it('without arguments prints its help, on stderr, and exits with 2', async () => {
    const { stdout: help } = await distprint(['--help']);
    expect(await distprint([])).toEqual({ code: 2, stdout: '', stderr: help });
  });

  it('--version says the version alone', async () => {
    expect(await distprint(['--version'])).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\S*\n$/),
      stderr: '',
    });
  });

  it.each([
    [['--bogus', '.'], '--bogus'],
    [['fingerprint', '--bogus', '.'], '--bogus'],
    [['manifest'], 'path'],
    [['manifest', '.', '.'], 'too many arguments'],
    [['manifest', '.', '-o'], '--output'],
    [['diff', '.'], 'b'],
    [['diff', '.', '.', '.'], 'too many arguments'],
    [['verify', '.'], '--manifest'],
    [['watch', '.', '--interval', 'abc', '--beats', '1'], 'not a duration: "abc"'],
    [['watch', '.', '--interval', '0s', '--beats', '1'], 'not a duration: "0s"'],
    [['watch', '.', '--interval', '-1s', '--beats', '1'], 'not a duration: "-1s"'],
    [['watch', '.', '--interval', '30d', '--beats', '1'], 'not a duration: "30d"'],
    [['watch', '.', '--beats', 'x'], '--beats'],
    [['watch', '.', '--beats', '0'], '--beats'],
    [['--include', '', '.'], 'include'],
    [['--include', '/etc/*', '.'], '/etc/*'],
    [['--exclude', '../x', '.'], '../x'],
    [['--exclude', '!x', '.'], '!x'],
    [['-x'], '-x'],
  ])('%j is trouble: exit 2, nothing on stdout, and stderr says what is wrong', async (args, says) => {
    const cwd = makeDirectory({ a: '' });
    const { code, stdout, stderr } = await distprint(args, { cwd });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(says);
    expect(stderr).toMatch(/^distprint: /);
    expect(stderr).not.toMatch(/^ +at /m); // no stack trace
  });

  it('keeps what an option could do to a terminal out of its messages', async () => {
    const { code, stderr } = await distprint(['--\x1b[31mbogus', '.']);
    expect(code).toBe(2);
    expect(stderr).toContain('--\\x1b[31mbogus');
    expect(stderr).not.toContain('\x1b');
  });
});

describe('a first word that is no path', () => {
  it.each([
    ['watchh', 'watch'],
    ['wach', 'watch'],
    ['mainfest', 'manifest'],
    ['fingerprnt', 'fingerprint'],
    ['dif', 'diff'],
    ['saal', 'seal'],
    ['stats', 'status'],
    ['version', '--version'],
    ['halp', 'help'],
  ])('%s: is an error that suggests %s, and nothing is done', async (word, meant) => {
    const cwd = makeDirectory({ a: '' });
    expect(await distprint([word, 'a'], { cwd })).toEqual({
      code: 2,
      stdout: '',
      stderr: `distprint: error: ${word} is neither a command nor a path; did you mean: distprint ${meant}\n`,
    });
  });

  it.each(['watchh', 'version', 'dif'])('%s: is a path if something is there', async (word) => {
    const cwd = makeDirectory({ [word]: '' });
    expect(await distprint([word], { cwd })).toMatchObject({ code: 0, stdout: expect.stringMatching(`  ${word}\n$`) });
  });

  it.each(['gone', 'dist', './watchh', 'node_modules/watch', './status', 'a/watch', 'doctor.'])(
    '%s: is like no command',
    async (word) => {
      const { code, stderr } = await distprint([word], { cwd: makeDirectory({}) });
      expect(code).toBe(2);
      expect(stderr).toContain('no such file or directory');
      expect(stderr).not.toContain('did you mean');
    },
  );
});

describe('colours', () => {
  const noisy = () => ['diff', makeDirectory({ a: '1', b: '' }), makeDirectory({ a: '2', c: '' })];
  const plain = 'A  c\nD  b\nM  a\n';

  it.each([[{}], [{ NO_COLOR: '1' }], [{ CI: 'true' }], [{ TERM: 'xterm-256color' }]])(
    'are not for a pipe, nor in its messages, with %j',
    async (env) => {
      expect((await distprint(noisy(), { env })).stdout).toBe(plain);
      expect((await distprint(['/gone'], { env })).stderr).not.toContain('\x1b');
    },
  );

  it('can be asked for with FORCE_COLOR', async () => {
    const { stdout } = await distprint(noisy(), { env: { FORCE_COLOR: '1' } });
    expect(stdout).toContain('\x1b[32m');
    expect(stdout.replaceAll(/\x1b\[\d+m/g, '')).toBe(plain);
  });

  const onTerminal = (env: NodeJS.ProcessEnv) => {
    const quote = (word: string) => `'${word}'`;
    const command = [...distprintCommand, ...noisy()].map(quote).join(' ');
    return run(['script', '-qec', command, '/dev/null'], { env: { ...plainEnv, TERM: 'xterm', ...env } });
  };
  const withScript = needs('script(1)', isPosix && hasProgram('script'));

  withScript('are for a terminal', async () => {
    expect((await onTerminal({})).stdout).toContain('\x1b[32m');
  });

  withScript('are not for a terminal where NO_COLOR asks for none', async () => {
    expect((await onTerminal({ NO_COLOR: '1' })).stdout).not.toContain('\x1b[3');
  });
});

describe('a reader that has had enough', () => {
  const withShell = onlyWith('a POSIX shell', isPosix);
  /** Its manifest is larger than a pipe holds, so that writing it has to meet the closed end. */
  const large = () =>
    makeDirectory(Object.fromEntries(Array.from({ length: 700 }, (_, i) => [`${'x'.repeat(200)}${i}`, ''])));

  withShell('gets its lines, and no stack trace comes after', async () => {
    const script = '"$@" | head -1';
    const ran = await run(['sh', '-c', script, 'sh', ...distprintCommand, 'manifest', large()], { env: plainEnv });
    expect(ran).toEqual({ code: 0, stdout: 'distprint manifest 1\n', stderr: '' });
  });

  withShell('from the start is no trouble', async () => {
    const script = '{ "$@"; echo "exit $?" >&2; } | true';
    const ran = await run(['sh', '-c', script, 'sh', ...distprintCommand, large(), large()], { env: plainEnv });
    expect(ran).toEqual({ code: 0, stdout: '', stderr: 'exit 0\n' });
  });
});

describe('a full stdout', () => {
  const toFull = (...args: string[]) =>
    run(['sh', '-c', 'exec "$@" >/dev/full', 'sh', ...distprintCommand, ...args], { env: plainEnv });
  const withFull = onlyWith('/dev/full', process.platform === 'linux');

  withFull.each([
    ['fingerprint', () => [makeDirectory({ a: '' })]],
    ['manifest', () => ['manifest', makeDirectory({ a: '' })]],
    ['diff', () => ['diff', makeDirectory({ a: '1' }), makeDirectory({ a: '2' })]],
    ['watch', () => ['watch', makeDirectory({ a: '' })]],
    ['--help', () => ['--help']],
  ])('is trouble, said in one line: %s', async (_, make) => {
    const { code, stderr } = await toFull(...make());
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(/^distprint: error: cannot write to stdout: .*ENOSPC.*\n$/),
    });
  });
});
