/**
 * Nothing lost: argv, the runtime's own words, cwd, environment and umask reach the replacement byte for byte, as the kernel
 * shows them (/proc/PID), and two upgrades in a row add nothing.
 */

import { cpSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { copyWorkshop, install, packageIn, packRelease, scriptIn } from '../../fixtures/releases.ts';
import type { Strategy } from '../../src/runner/index.ts';
import { inForm } from '../helpers/long.ts';
import { makeTempToRemove, removeTree } from '../helpers/temp-dir.ts';
import {
  type Bytes,
  type Launched,
  type LaunchOptions,
  launch,
  makeAppPlace,
  makeExecutablePlace,
  type Place,
  see,
} from './daemons.ts';
import { must } from './managers.ts';
import { fetchBun, fetchNode } from './tools.ts';

const bun = fetchBun();
const [node20, node22, node24, node26] = (['20', '22', '24', '26'] as const).map(fetchNode);

const require = createRequire(import.meta.url);
const loader = pathToFileURL(require.resolve('tsx')).href;
const preflight = require.resolve('tsx/preflight');
const tsx = require.resolve('tsx/cli');

const RELEASES = ['1.0.0', '2.0.0', '3.0.0'] as const;
const UPGRADES = inForm('upgrades of each', [2, 3], (release) => release === 2);
let temp = '';
let apps: string[] = [];
let titled = '';
const executables: string[] = [];

beforeAll(async () => {
  temp = makeTempToRemove();
  const workshop = copyWorkshop(inject('workshop'), join(temp, 'workshop'));
  apps = RELEASES.map((version, i) => {
    const app = join(temp, `app-${i + 1}`);
    install(app, workshop, packRelease(workshop, version));
    return app;
  });
  const fault = `export const fault = { beforeClaim() {
    process.title = 'a title';
    process.chdir('/');
    process.umask(0o077);
    process.env.ADDED = 'later';
    delete process.env.EMPTY;
    process.argv.push('more');
  } };`;
  titled = join(temp, 'app-titled');
  cpSync(apps[0] as string, titled, { recursive: true });
  install(titled, workshop, packRelease(workshop, '1.0.1', { fault }));
  if (bun === undefined) return;
  for (const [i, app] of apps.entries()) {
    const executable = join(temp, `daemon-${i + 1}`);
    await must([bun, 'build', '--compile', scriptIn(app), '--outfile', executable], packageIn(app));
    executables.push(executable);
  }
}, 300_000);
afterAll(() => removeTree(temp));

interface Runtime {
  readonly name: string;
  /** Undefined where it can't be had. */
  readonly words: readonly (string | undefined)[];
  readonly strategies: readonly Strategy[];
  readonly makePlace?: () => Place;
}

const BOTH = ['respawn', 'exec'] as const;
const RUNTIMES: readonly Runtime[] = [
  { name: 'Node 20', words: [node20], strategies: ['respawn'] },
  { name: 'Node 22', words: [node22], strategies: BOTH },
  { name: 'Node 24', words: [node24], strategies: BOTH },
  { name: 'Node 26', words: [node26], strategies: BOTH },
  {
    name: 'Node 24 with flags of its own',
    words: [node24, '--import', loader, '--no-warnings', '--conditions', 'a b', '--stack-trace-limit=7'],
    strategies: BOTH,
  },
  {
    name: 'Node 20 as tsx starts it',
    words: [node20, '--require', preflight, '--import', loader],
    strategies: ['respawn'],
  },
  { name: 'Bun', words: [bun], strategies: BOTH },
  { name: 'Bun, run', words: [bun, '--smol', 'run'], strategies: BOTH },
  { name: 'an executable by Bun', words: [bun], strategies: BOTH, makePlace: () => makeExecutablePlace(executables) },
];

/** Whatever text can be: raw, as all here. */
const TEXT: readonly Bytes[] = [
  '',
  'a b',
  '  ',
  `"double" 'single' \`back\` \\ \\n $HOME $(id) *`,
  'two\nlines\n',
  '\t\x01\x7f',
  '--flag=a b',
  '-',
  '--',
  '--workspace',
  Buffer.from('grüße 🦀 \u2028', 'utf8').toString('latin1'),
  '',
];
const LARGE: readonly Bytes[] = ['x'.repeat(60_000), ...Array.from({ length: 400 }, (_, i) => `${i}${'y'.repeat(97)}`)];
/** No UTF-8: every byte that an argument may hold. */
const BYTES: readonly Bytes[] = [
  Array.from({ length: 255 }, (_, i) => String.fromCharCode(i + 1)).join(''),
  '\xff',
  '\xc3',
  '\xed\xa0\x80',
  '',
  'a\xffb',
];

const SHELL_ENV = ['EMPTY=', `QUOTED="a" 'b' \\ $HOME`, 'LINES=a\nb\n', 'EQUAL=a=b='];
const TEXT_ENV = [...SHELL_ENV, '1=2', 'lower.case-name=x'];
/** A shell starts what is not UTF-8: it drops other names (test/runner/handoff/launch.test.ts). */
const BYTES_ENV = [...SHELL_ENV, 'RAW=\xff\xfe\x80'];

/** Upgrades it, and looks at who serves then. */
async function expectNothingLost(launched: Launched, place: Place, strategy: Strategy, compare: (pid: number) => void) {
  let { pid } = await launched.ready(1);
  compare(pid);
  for (const release of UPGRADES) {
    place.upgrade(release);
    const after = await launched.ready(release);
    expect(after.status.release).toBe(RELEASES[release - 1]);
    if (strategy === 'exec') expect(after.pid).toBe(pid);
    else expect(after.pid).not.toBe(pid);
    compare(after.pid);
    pid = after.pid;
  }
}

const launchOn = ({ words, makePlace }: Runtime, strategy: Strategy, options: Partial<LaunchOptions>) => {
  const place = makePlace?.() ?? makeAppPlace(apps);
  return { place, launched: launch({ runtime: words as string[], place, runner: { strategy }, ...options }) };
};

/** Beside those that say something of their own: the oldest Node, and the newest. */
const isShort = ({ name }: Runtime) => !['Node 22', 'Node 24', 'Bun, run'].includes(name);

for (const runtime of inForm('runtimes', RUNTIMES, isShort)) {
  describe.skipIf(runtime.words.includes(undefined))(runtime.name, () => {
    describe.each(runtime.strategies)('%s', (strategy) => {
      it('loses no text: empty, spaces, quotes, newlines, 100 KB of it', async () => {
        const words = [...TEXT, ...LARGE];
        const directory = "a 'directory'\n";
        const { place, launched } = launchOn(runtime, strategy, { words, env: TEXT_ENV, directory });
        await expectNothingLost(launched, place, strategy, (pid) => {
          const { env, ...seen } = see(pid);
          expect(seen).toEqual({ ...launched.expected, env: undefined });
          expect(withoutOwn(env)).toEqual(launched.expected.env);
        });
      });

      it('loses no bytes that are no text', async () => {
        const directory = 'b\xffd';
        const { place, launched } = launchOn(runtime, strategy, { words: BYTES, env: BYTES_ENV, directory });
        await expectNothingLost(launched, place, strategy, (pid) => {
          const { env, argv, ...seen } = see(pid);
          const { argv: given, env: _, ...expected } = launched.expected;
          expect(seen).toEqual(expected);
          expect(argv.slice(1)).toEqual(given.slice(1));
          expect(withoutOwn(env)).toEqual(launched.expected.env);
        });
      });
    });
  });
}

/** The word of the hand-off is taken out of what the program sees, but stands in the kernel's record of how it was started. */
const withoutOwn = (env: readonly Bytes[]) => env.filter((entry) => !entry.startsWith('DISTPRINT_HANDOFF='));

describe('what belongs to one process only', () => {
  /** Starts what follows with an IPC channel, in a session of its own. */
  const fork = `
    const [file, ...words] = process.argv.slice(1);
    const stdio = ['inherit', 'inherit', 'inherit', 'ipc'];
    require('node:child_process').spawn(file, words, { stdio, detached: true, serialization: 'advanced' });
  `;
  const channel = /^NODE_CHANNEL_/;

  it.skipIf(node24 === undefined).each(BOTH)('an IPC channel is not replayed: %s', async (strategy) => {
    const place = makeAppPlace(apps);
    const launcher = [node24 as string, '-e', fork, '--'];
    const launched = launch({ runtime: [node24 as string], place, runner: { strategy }, launcher, words: TEXT });
    const { pid } = await launched.ready(1);
    expect(see(pid).env.filter((entry) => channel.test(entry))).toHaveLength(2);
    for (const release of UPGRADES) {
      place.upgrade(release);
      const after = await launched.ready(release);
      expect(withoutOwn(see(after.pid).env)).toEqual(launched.expected.env);
      expect(see(after.pid).argv).toEqual(launched.expected.argv);
    }
  });

  it.skipIf(node24 === undefined)('tsx stays the parent of what it has started, which keeps its loader', async () => {
    const place = makeAppPlace(apps);
    const launched = launch({ runtime: [node24 as string, tsx], place, runner: { strategy: 'exec' }, words: TEXT });
    const before = await launched.ready(1);
    expect(before.pid).not.toBe(launched.pid);
    expect(before.status.execArgv).toContain('--import');
    const seen = see(before.pid);
    for (const release of UPGRADES) {
      place.upgrade(release);
      const after = await launched.ready(release);
      expect(after.status).toMatchObject({ release: RELEASES[release - 1], execArgv: before.status.execArgv });
      expect({ ...see(after.pid), env: withoutOwn(see(after.pid).env) }).toEqual({
        ...seen,
        env: seen.env.filter((entry) => !channel.test(entry)),
      });
      expect(after.pid).toBe(before.pid);
    }
  });
});

describe('what a host makes of itself is not replayed: its title, directory, mask, environment, argv', () => {
  const HOSTS = [
    { name: 'Node 20', runtime: node20, strategy: 'respawn' },
    { name: 'Node 24', runtime: node24, strategy: 'respawn' },
    { name: 'Node 24', runtime: node24, strategy: 'exec' },
    { name: 'Bun', runtime: bun, strategy: 'exec' },
  ] as const;

  it.each(HOSTS.filter(({ runtime }) => runtime !== undefined))('$name, $strategy', async ({ runtime, strategy }) => {
    for (const words of [TEXT, BYTES]) {
      const place = makeAppPlace([titled, ...apps.slice(1)]);
      const launched = launch({ runtime: [runtime as string], place, runner: { strategy }, words, env: SHELL_ENV });
      const before = await launched.ready(1);
      expect(before.status).toMatchObject({ release: '1.0.1', cwd: '/', umask: 0o077 });
      expect(before.status.argv.at(-1)).toBe('more');
      place.upgrade(2);
      const { pid, status } = await launched.ready(2);
      expect(status.release).toBe('2.0.0');
      const { env, argv, ...seen } = see(pid);
      const { argv: given, env: _, ...expected } = launched.expected;
      expect(seen).toEqual(expected);
      expect(argv.slice(1)).toEqual(given.slice(1));
      expect(withoutOwn(env)).toEqual(launched.expected.env);
    }
  });
});

describe('where the kernel shows no words, as a title has overwritten them, the runtime tells them', () => {
  const HOSTS = [
    { name: 'Node 20', runtime: node20, strategy: 'respawn' },
    { name: 'Node 24', runtime: node24, strategy: 'exec' },
  ] as const;

  it.each(HOSTS.filter(({ runtime }) => runtime !== undefined))('$name, $strategy', async ({ runtime, strategy }) => {
    const place = makeAppPlace(apps);
    const words = [runtime as string, '--title=a title', '--no-warnings'];
    const launched = launch({ runtime: words, place, runner: { strategy }, words: [...TEXT, ...LARGE], env: TEXT_ENV });
    const { status, pid } = await launched.ready(1);
    expect(see(pid).argv).not.toContain('--no-warnings');
    expect(status.execArgv).toEqual(words.slice(1));
    for (const release of UPGRADES) {
      place.upgrade(release);
      const after = await launched.ready(release);
      const { argv, execArgv, cwd, umask } = status;
      expect(after.status).toMatchObject({ release: RELEASES[release - 1], argv, execArgv, cwd, umask });
      expect(withoutOwn(see(after.pid).env)).toEqual(launched.expected.env);
    }
  });
});
