/**
 * What it gains to be woken by the file system.
 *
 * A runner (10 s from beat to beat, all else as it is by default) lives in a package of 300 files, which `npm install` replaces again and
 * again. Timed is from the end of npm to the line in which the runner says that the release is installed. The same again with events
 * lost on purpose: no watch left (in a user namespace of its own), and a queue with room for one event.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { cleanEnv, NPM_OPTIONS } from '../../fixtures/releases.ts';
import { median, quantile } from '../../src/cli/bench/measure.ts';
import type { Bench } from '../context.ts';
import { atMost, shown } from '../results/claims.ts';
import { toRow, toSkippedRow, toSpread } from '../results/table.ts';
import { toImport } from '../timing/children.ts';

export async function benchWake(bench: Bench): Promise<void> {
  for (const kind of ['without a seal', 'with a seal'] as const) await benchUpgrades(bench, kind);
  for (const loss of LOSSES) await benchLoss(bench, loss);
}

const UPGRADE = 'from the end of `npm install` to `changed`, in a runner with a beat every 10 s';
const VERSIONS: readonly [string, string] = ['2.0.0', '3.0.0'];
const WAIT_MS = 30_000;

type Seal = 'without a seal' | 'with a seal';
const TARGETS_MS = { 'without a seal': 2_500, 'with a seal': 300 };

async function benchUpgrades(bench: Bench, seal: Seal): Promise<void> {
  const samples = await measureUpgrades(bench, seal, bench.quick ? 8 : 40, []);
  const head = { table: UPGRADE, corpus: seal };
  bench.report(toRow({ ...head, what: 'median' }, median(samples), 'ms', shown, toSpread(samples)));
  const note = `longest ${Math.round(Math.max(...samples))} of ${samples.length}`;
  bench.report(toRow({ ...head, what: 'p99' }, quantile(samples, 0.99), 'ms', atMost(TARGETS_MS[seal]), note));
}

interface Loss {
  readonly what: string;
  readonly launcher: readonly string[];
  /** Undefined where it can be had here; else why not. */
  unavailable(): string | undefined;
  /** Loses events from now on. Returns what puts it back, for when the runner listens. */
  begin(): () => void;
}

const QUEUE = '/proc/sys/fs/inotify/max_queued_events';
const NO_WATCHES = 'echo 0 > /proc/sys/user/max_inotify_watches && exec "$@"';
const UNSHARE = ['unshare', '--user', '--map-root-user'];

const LOSSES: readonly Loss[] = [
  {
    what: 'no watch left',
    launcher: [...UNSHARE, 'sh', '-c', NO_WATCHES, 'sh'],
    unavailable() {
      const { status } = spawnSync('unshare', [
        ...UNSHARE.slice(1),
        'test',
        '-w',
        '/proc/sys/user/max_inotify_watches',
      ]);
      return status === 0 ? undefined : 'no user namespace can be made here';
    },
    begin: () => () => {},
  },
  {
    what: 'a queue for one event',
    launcher: [],
    unavailable: () =>
      process.getuid?.() === 0 && process.platform === 'linux' ? undefined : `only root sets ${QUEUE}`,
    begin() {
      // The limit has no namespace. The kernel reads it when a process begins to listen.
      const before = readFileSync(QUEUE, 'utf8');
      const putBack = () => writeFileSync(QUEUE, before);
      process.once('exit', putBack);
      writeFileSync(QUEUE, '1');
      return putBack;
    },
  },
];

/** A beat, and the look. */
const ONE_BEAT_MS = 10_500;

async function benchLoss(bench: Bench, loss: Loss): Promise<void> {
  const head = { table: UPGRADE, corpus: `without a seal, ${loss.what}`, what: 'longest' };
  const reason = loss.unavailable();
  if (reason !== undefined) return bench.report(toSkippedRow(head, reason));
  const putBack = loss.begin();
  const samples = await measureUpgrades(bench, 'without a seal', bench.quick ? 3 : 15, loss.launcher, putBack);
  const note = `median ${Math.round(median(samples))} of ${samples.length}, none missed`;
  bench.report(toRow(head, Math.max(...samples), 'ms', atMost(ONE_BEAT_MS), note));
}

/** Milliseconds, one an upgrade. Below zero is taken for zero: a sealed release is whole before npm has ended. */
async function measureUpgrades(
  bench: Bench,
  seal: Seal,
  count: number,
  launcher: readonly string[],
  onStarted = () => {},
): Promise<number[]> {
  const place = join(bench.scratch, `wake-${Math.random()}`);
  const tarballs = new Map<string, string>();
  for (const version of ['1.0.0', ...VERSIONS]) tarballs.set(version, await packRelease(bench, place, version, seal));
  const app = join(place, 'app');
  mkdirSync(app);
  writeFileSync(join(app, 'package.json'), '{"private": true}');
  const install = (version: string) => npm(['install', ...NPM_OPTIONS, tarballs.get(version) as string], app);
  install('1.0.0');
  const runner = await startRunner(place, app, launcher);
  onStarted();
  const samples: number[] = [];
  try {
    for (let i = 0; i < count; i++) {
      const version = VERSIONS[i % 2] as string;
      await sleep(Math.random() * 1_000);
      const said = runner.waitFor((line) => line.startsWith(`${version} (`));
      install(version);
      const endedMs = Date.now();
      samples.push(Math.max(0, (await said) - endedMs));
    }
  } finally {
    runner.child.kill('SIGKILL');
  }
  return samples;
}

const FILES = 300;

async function packRelease(bench: Bench, place: string, version: string, seal: Seal): Promise<string> {
  const root = join(place, `release-${version}`);
  const fields = { name: 'daemon', version, type: 'module', bin: 'dist/main.js', files: ['dist', '.distprint-seal'] };
  for (let i = 0; i < FILES; i++) {
    const folder = join(root, `dist/part-${i % 20}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `module-${i}.js`), `export const answer = '${version}, ${i}';\n`);
  }
  writeFileSync(join(root, 'dist/main.js'), toRunner(bench, join(place, 'state/runner.state.json')));
  writeFileSync(join(root, 'package.json'), JSON.stringify(fields));
  if (seal === 'with a seal') await bench.lib.writeSeal(root);
  const tarball = npm(['pack', '--ignore-scripts', '--loglevel', 'error', '--pack-destination', place], root);
  return join(place, tarball.trim().split('\n').at(-1) as string);
}

const toRunner = ({ dist }: Bench, stateFile: string) => `
  import { claimRunner } from ${toImport(dist, 'runner/index.js')};
  process.stdin.on('end', () => process.exit()).resume(); // the bench has ended
  const log = (line) => console.log(JSON.stringify([Date.now(), line]));
  const runner = await claimRunner({ stateFile: ${JSON.stringify(stateFile)}, strategy: 'none', log });
  await runner.ready();
`;

interface RunnerProcess {
  readonly child: ChildProcess;
  /** When it says such a line from now on, in milliseconds of `Date.now()`. */
  waitFor(is: (line: string) => boolean): Promise<number>;
}

async function startRunner(place: string, app: string, launcher: readonly string[]): Promise<RunnerProcess> {
  const [file = '', ...words] = [...launcher, process.execPath, join(app, 'node_modules/daemon/dist/main.js')];
  const child = spawn(file, words, { cwd: place, stdio: ['pipe', 'pipe', 'inherit'], env: cleanEnv });
  process.once('exit', () => child.kill('SIGKILL'));
  let hear = (_atMs: number, _line: string) => {};
  createInterface({ input: child.stdout }).on('line', (text) => hear(...(JSON.parse(text) as [number, string])));
  const waitFor = (is: (line: string) => boolean) =>
    new Promise<number>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`the runner missed an upgrade: ${WAIT_MS} ms`)), WAIT_MS);
      hear = (atMs, line) => {
        if (!is(line)) return;
        clearTimeout(late);
        resolve(atMs);
      };
    });
  await waitFor((line) => line.startsWith('watching '));
  await sleep(1_000); // until it listens
  return { child, waitFor };
}

function npm(args: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync('npm', args, { cwd, env: cleanEnv, encoding: 'utf8' });
  if (status === 0) return stdout;
  throw new Error(`npm ${args[0]} failed (exit ${status}): ${error?.message ?? stderr}`);
}
