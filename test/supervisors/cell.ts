/** One runner in a place of its own: its files, what it answers, what it says of itself, and upgrading it. */

import { mkdirSync, readFileSync, renameSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { get, request } from 'node:http';
import { dirname, join } from 'node:path';
import { inject } from 'vitest';
import { cleanEnv, NPM_OPTIONS, packageIn, type Release, scriptIn } from '../../fixtures/releases.ts';
import type { RunnerOptions, RunnerState } from '../../src/runner/index.ts';
import { findFreePort } from '../helpers/free-port.ts';
import { type Ran, run } from '../helpers/run.ts';
import { sleep } from '../helpers/wait.ts';
import type { Runtime } from './ground.ts';

export const ground = inject('ground');

/** What a supervisor's helper does for a cell. */
export interface Supervised {
  /** @param env added to that of the file, as an operator would */
  start(env?: Record<string, string>): Promise<void>;
  stop(): Promise<void>;
  /** What the supervisor says of the process that it follows, in PIDs as the runner sees them. `restarts` is null where it doesn't count. */
  follows(): Promise<{ pid: number | null; restarts: number | null }>;
  /** What the runner has printed. */
  log(): Promise<string>;
  /** Words before a command that is to run where the runner's PIDs mean something. */
  inside(): readonly string[];
  restart?(): Promise<void>;
  /** SIGKILL to all that the supervisor has of it at once. */
  kill?(): Promise<void>;
  /** Ends what the cell alone had. */
  end?(): Promise<void>;
}

export interface Status {
  release: string;
  pid: number;
  generation: number;
  argv: string[];
  execArgv: string[];
  cwd: string;
  umask: number;
  isTTY: boolean;
  env: Record<string, string>;
}

/** Quick, so that a cell takes seconds. The breaker is wide: the cells that are about it say so. */
const QUICK: Partial<RunnerOptions> = { intervalMs: 200, settleMs: 500, proveMs: 500, readyTimeoutMs: 10_000 };
const WIDE: Partial<RunnerOptions> = { limits: { breaker: { max: 1_000, windowMs: 60_000 } } };

export interface Cell {
  /** A short word of its own. */
  readonly name: string;
  readonly runtime: Runtime;
  readonly folder: string;
  readonly app: string;
  /** What the runner watches: its package, or its executable. */
  readonly watched: string;
  readonly stateFile: string;
  readonly logFile: string;
  readonly steps: string;
  readonly port: number;
  /** What starts the runner. */
  readonly command: readonly string[];
}

let made = 0;

export async function makeCell(runtime: Runtime, options: Partial<RunnerOptions> = WIDE): Promise<Cell> {
  made += 1;
  const name = `distprint-${process.pid}-${made}`;
  const folder = join(ground.folder, 'cells', name);
  const app = join(folder, 'app');
  mkdirSync(folder, { recursive: true });
  await cp(ground.template, app, { recursive: true, verbatimSymlinks: true });
  const executable = join(folder, 'bin/runner');
  if (runtime === 'compiled') await copyExecutable(ground.compiled['1.0.0'] as string, executable);
  const port = await findFreePort();
  const steps = join(folder, 'steps');
  mkdirSync(steps);
  const head = runtime === 'compiled' ? [executable] : [ground.runtimes[runtime] as string, scriptIn(app)];
  const words = ['start-sync', '--workspace-root', join(folder, 'work space'), '--port', String(port)];
  const more = ['--steps', steps, '--options', JSON.stringify({ ...QUICK, ...options })];
  return {
    name,
    runtime,
    folder,
    app,
    watched: runtime === 'compiled' ? executable : packageIn(app),
    stateFile: join(folder, 'state/runner.state.json'),
    logFile: join(folder, 'log'),
    steps,
    port,
    command: [...head, ...words, ...more],
  };
}

/** A word for a shell, supervisord and systemd alike. None of ours has a quote in it. */
const quote = (word: string) => `'${word}'`;

/** An operator's file with its placeholders filled in. */
export function fill(file: string, { name, folder, stateFile, logFile, command }: Cell, env = {}): string {
  const prefix = Object.entries(env).map(([key, value]) => `${key}=${value}`);
  const words = prefix.length > 0 ? ['/usr/bin/env', ...prefix, ...command] : command;
  const values: Record<string, string> = {
    NAME: name,
    DIRECTORY: folder,
    STATE: stateFile,
    LOG: logFile,
    COMMAND: words.map(quote).join(' '),
  };
  const text = readFileSync(new URL(`../../fixtures/supervisors/${file}`, import.meta.url), 'utf8');
  return text.replace(/@([A-Z]+)@/g, (whole, key: string) => values[key] ?? whole);
}

/** What the runner answers; undefined where nobody does. */
export function ask({ port }: Pick<Cell, 'port'>): Promise<Status | undefined> {
  return new Promise((resolve) => {
    const asked = get({ host: '127.0.0.1', port, path: '/status', agent: false, timeout: 2_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (more: string) => {
        text += more;
      });
      response.on('error', () => resolve(undefined));
      response.on('end', () => resolve(parse(text)));
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(undefined));
  });
}

function parse(text: string): Status | undefined {
  try {
    return JSON.parse(text) as Status;
  } catch {
    return undefined;
  }
}

/** POST, of which nothing but its being done matters. */
export function post({ port }: Cell, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, method: 'POST', agent: false }, (response) => {
      response.resume().on('end', resolve);
    });
    asked.on('error', reject).end();
  });
}

export interface Watch {
  /** Milliseconds between two answers with none in between; 0 where no question stayed unanswered. */
  stop(): Promise<{ gapMs: number }>;
}

/** A client that asks every few milliseconds. */
export function watchAnswers(cell: Cell): Watch {
  let isOn = true;
  let gapMs = 0;
  const loop = async () => {
    let lastMs = performance.now();
    let missed = false;
    while (isOn) {
      if ((await ask(cell)) === undefined) missed = true;
      else {
        if (missed) gapMs = Math.max(gapMs, performance.now() - lastMs);
        lastMs = performance.now();
        missed = false;
      }
      await sleep(8);
    }
    if (missed) gapMs = Math.max(gapMs, performance.now() - lastMs);
  };
  const done = loop();
  return {
    async stop() {
      isOn = false;
      await done;
      return { gapMs: Math.round(gapMs) };
    },
  };
}

export function readStateOf({ stateFile }: Cell): RunnerState | undefined {
  try {
    return JSON.parse(readFileSync(stateFile, 'utf8')) as RunnerState;
  } catch {
    return undefined; // not there yet
  }
}

/** The installed `distprint`, run from a shell that knows nothing of the runner but where its state is. */
export function distprintIn(cell: Cell, at: Supervised, ...words: string[]): Promise<Ran> {
  const cli = join(cell.app, 'node_modules/distprint/dist/cli/main.js');
  return run([...at.inside(), process.execPath, cli, ...words, '--state', cell.stateFile], {
    cwd: '/',
    timeout: 60_000,
  });
}

/** A new release: `npm install`; for a compiled runner, a rename into its place. */
export async function upgrade(cell: Cell, release: Release | '2.0.0' | 'broken'): Promise<void> {
  if (cell.runtime === 'compiled') return replaceExecutable(cell, release as string);
  const { tarball } = typeof release === 'string' ? ground.releases[release] : release;
  await npm(cell, 'install', tarball);
}

export async function npm(cell: Cell, ...words: string[]): Promise<void> {
  const [command = '', ...rest] = words;
  const { code, stderr } = await run(['npm', command, ...NPM_OPTIONS, ...rest], {
    cwd: cell.app,
    env: cleanEnv,
    timeout: 60_000,
  });
  if (code !== 0) throw new Error(`npm ${words.join(' ')}: ${stderr}`);
}

export async function replaceExecutable(cell: Cell, release: string): Promise<void> {
  const beside = `${cell.watched}.new`;
  await copyExecutable(ground.compiled[release] as string, beside);
  renameSync(beside, cell.watched);
}

/**
 * In a process of its own. A child that this one starts at the same time for another cell has what is open here open too until it is
 * another program, and what somebody has open for writing can't be executed (ETXTBSY).
 */
export async function copyExecutable(from: string, to: string): Promise<void> {
  mkdirSync(dirname(to), { recursive: true });
  const { code, stderr } = await run(['cp', from, to]);
  if (code !== 0) throw new Error(`cp: ${stderr}`);
}
