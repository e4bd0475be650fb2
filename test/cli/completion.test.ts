import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { distprint } from '../helpers/cli.ts';
import { hasProgram, isPosix, needs } from '../helpers/needs.ts';
import { askFish, type Shell, startShell } from '../helpers/shell.ts';
import { makeDirectory, makeTemp } from '../helpers/temp.ts';

const BASH_COMPLETION = '/usr/share/bash-completion/bash_completion';
const hasScript = isPosix && hasProgram('script');

interface Place {
  readonly shell: Shell;
  /** Whether distprint itself was started. */
  readonly wasStarted: () => boolean;
}

/** A shell with its script, in a folder with some files. A `distprint` that leaves a trace comes first in PATH. */
async function open(name: 'bash' | 'zsh' | 'fish', before: readonly string[] = []): Promise<Place> {
  const cwd = makeDirectory({ 'dist/a.js': '', 'dino.txt': '', 'my dir/a': '', 'release.manifest': '', manifold: '' });
  const bin = makeDirectory({});
  const trace = join(bin, 'trace');
  writeFileSync(join(bin, 'distprint'), `#!/bin/sh\ntouch ${trace}\n`, { mode: 0o755 });
  const script = join(makeTemp(), 'script');
  const { stdout, stderr, code } = await distprint(['completion', name]);
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  writeFileSync(script, stdout);
  const place = { scripts: [...before, script], cwd, env: { PATH: `${bin}:${process.env.PATH}` } };
  const shell = name === 'fish' ? askFish(place) : await startShell(name, place);
  return { shell, wasStarted: () => existsSync(trace) };
}

const SHELLS = [
  ['bash', needs('bash and script(1)', hasScript && hasProgram('bash'))],
  ['zsh', needs('zsh and script(1)', hasScript && hasProgram('zsh'))],
  ['fish', needs('fish', hasProgram('fish'))],
] as const;

const { commands } = createProgram();
const NAMES = [...commands.map((command) => command.name()), 'help'];
const from = (start: string) => NAMES.filter((name) => name.startsWith(start));

describe.each(SHELLS)('the script for %s', (name, withShell) => {
  withShell('offers commands, paths and values, and starts no process of ours', { timeout: 60_000 }, async () => {
    const { shell, wasStarted } = await open(name);
    const told: Record<string, string[]> = {};
    const expected = {
      'distprint di': [...from('di'), 'dino.txt', 'dist'],
      'distprint man': [...from('man'), 'manifold'],
      'distprint ./di': ['./dino.txt', './dist'],
      'distprint zzz': [],
      'distprint --inc': ['--include'],
      'distprint --ver': ['--version'],
      'distprint dist di': ['dino.txt', 'dist'],
      'distprint dist --js': ['--json'],
      'distprint manifest di': ['dino.txt', 'dist'],
      'distprint manifest -o rel': ['release.manifest'],
      'distprint verify dist --manifest rel': ['release.manifest'],
      'distprint manifest -- di': ['dino.txt', 'dist'],
      'distprint watch --interval ': [],
      'distprint watch dist --beats di': [],
      'distprint run --restart ': ['start-first', 'stop-first'],
      'distprint run --stop-signal SIGTER': ['SIGTERM'],
      'distprint run --watch di': ['dino.txt', 'dist'],
      'distprint run --quiet --on-exit w': ['wait'],
      'distprint completion ': ['bash', 'fish', 'zsh'],
      'distprint help f': ['fingerprint'],
    };
    for (const line of Object.keys(expected)) told[line] = await shell.offers(line);
    expect(told).toEqual(
      Object.fromEntries(Object.entries(expected).map(([line, words]) => [line, [...words].sort()])),
    );
    expect(wasStarted()).toBe(false);
  });

  withShell(
    'offers each option of each command, and each value that is one of a few',
    { timeout: 60_000 },
    async () => {
      const { shell } = await open(name);
      for (const command of commands) {
        const line = `distprint ${command.name()}`;
        const flags = [...command.options.map(({ long }) => long), '--help'];
        const offered = await shell.offers(`${line} --`);
        expect(
          offered.filter((word) => word !== '--'),
          line,
        ).toEqual(flags.sort());
        for (const { long, argChoices } of command.options)
          if (argChoices !== undefined) expect(await shell.offers(`${line} ${long} `)).toEqual([...argChoices].sort());
      }
    },
  );

  withShell('completes a value behind =', async () => {
    const { shell } = await open(name);
    const offered = await shell.offers('distprint run --restart=sta');
    expect(offered).toEqual(['--restart=start-first']);
    expect(await shell.offers('distprint verify --manifest=rel')).toEqual(['--manifest=release.manifest']);
  });

  withShell('completes a command behind --', async () => {
    const { shell } = await open(name);
    expect(await shell.offers('distprint run --quiet -- mkfif')).toEqual(['mkfifo']);
    expect(await shell.offers('distprint run -- cat di')).toEqual(['dino.txt', 'dist']);
    expect(await shell.offers('distprint run -- cat --restart ')).not.toContain('start-first');
  });
});

describe('behind run --', () => {
  const offersOfLs = async ({ shell }: Place) =>
    expect(await shell.offers('distprint run -- ls --almo')).toEqual(['--almost-all']);

  needs('zsh and script(1)', hasScript && hasProgram('zsh'))("zsh offers the command's own options", async () =>
    offersOfLs(await open('zsh')),
  );
  needs('fish', hasProgram('fish'))("fish offers the command's own options", async () =>
    offersOfLs(await open('fish')),
  );
  needs('bash-completion and script(1)', hasScript && existsSync(BASH_COMPLETION))(
    "bash offers the command's own options, where bash-completion is installed",
    async () => offersOfLs(await open('bash', [BASH_COMPLETION])),
  );
});

needs('zsh and script(1)', hasScript && hasProgram('zsh'))('zsh finds the script in a folder of $fpath', async () => {
  const folder = makeTemp();
  writeFileSync(join(folder, '_distprint'), (await distprint(['completion', 'zsh'])).stdout);
  const setup = join(makeTemp(), 'setup');
  writeFileSync(setup, `fpath=('${folder}' $fpath); compinit -u -D\n`);
  const shell = await startShell('zsh', { scripts: [setup], cwd: makeDirectory({ dist: '' }) });
  for (const _ of ['loaded', 'kept'])
    expect(await shell.offers('distprint di')).toEqual([...from('di'), 'dist'].sort());
});

it('a shell that there is no script for is trouble, and stderr names those that there are', async () => {
  const { code, stdout, stderr } = await distprint(['completion', 'tcsh']);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain('bash, zsh, fish');
});
