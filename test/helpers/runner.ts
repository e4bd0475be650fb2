import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { readEnvironment } from '../../src/platform/proc.ts';
import type { OwnState, RunnerOptions, RunnerState } from '../../src/runner/index.ts';
import { readHolder } from '../../src/runner/role/lock.ts';
import { lockBaseOf } from '../../src/runner/role/state-file.ts';
import { built } from './built.ts';
import { plainEnv } from './run.ts';
import { makeTemp, writeTree } from './temp.ts';
import { until } from './wait.ts';

/** A state as a runner writes it, of a process that there never was. */
export function makeState(own: Partial<OwnState> = {}): RunnerState & { distprint: OwnState } {
  return {
    pid: 4242,
    startTime: '2026-11-22T00:00:00.000Z',
    lastHeartbeat: '2026-11-22T00:00:10.000Z',
    distprint: {
      format: 2,
      started: 'never',
      generation: 1,
      path: '/nowhere',
      coverage: {},
      version: '1.0.0',
      fingerprint: 'x',
      token: 1,
      argv: [],
      handoffDisabled: false,
      intervalMs: 10_000,
      ready: true,
      verdict: 'current',
      decision: { strategy: 'none', supervisor: 'nobody', reasons: ['it is so'], advice: null },
      handingOff: null,
      heldBack: null,
      tried: null,
      handOffs: [],
      postponedSinceMs: null,
      ...own,
    },
  };
}

/** A daemon that does nothing but hold the lock; a version `…-hangs` never gets ready. `busy` and `stuck` are its host's answers whether it may hand off; `throws` and `never ends` are what its release does. */
const MAIN = `
import { writeSync } from 'node:fs';
import release from './release.js';
import { claimRunner } from ${JSON.stringify(built('runner/index.js'))};
import { HAPI } from ${JSON.stringify(built('drop-in.js'))};
const { fields, host, redact, isHapi, ...options } = JSON.parse(process.env.RUNNER);
const say = (what) => writeSync(1, JSON.stringify(what) + '\\n');
const atRelease = { throws: () => { throw new Error('not now'); }, 'never ends': () => new Promise(() => {}) }[host];
const canHandOff = { busy: () => false, stuck: () => new Promise(() => {}) }[host];
const runner = await claimRunner({
  ...(isHapi && HAPI),
  ...options,
  ...(canHandOff && { canHandOff }),
  ...(redact && { redact: (args) => args.map((argument) => argument.replace(new RegExp(redact), '[redacted]')) }),
  log: (log) => say({ log }),
  release: () => {
    say({ host: 'releases' });
    return atRelease?.();
  },
  resume: () => say({ host: 'resumes' }),
});
if (host?.endsWith(' later')) runner.onHandOff({ canHandOff: () => host === 'ready later' });
if (release.endsWith('-hangs')) await new Promise((resolve) => setTimeout(resolve, 60_000));
await runner.ready(fields);
say({ release });
const { DISTPRINT_HANDOFF: word = null, ONCE: once, ALWAYS: always } = process.env;
say({ ready: process.pid, generation: runner.generation, isHandedOver: runner.isHandedOver, word, once, always });
setInterval(() => {}, 1000);
`;

export interface RunnerSetup extends Omit<RunnerOptions, 'redact'> {
  /** Of the host, in the state. */
  fields?: Record<string, unknown>;
  host?: 'busy' | 'busy later' | 'ready later' | 'stuck' | 'throws' | 'never ends';
  /** It is to keep HAPI's fields in its state. */
  isHapi?: boolean;
  /** A pattern of what is redacted in arguments. */
  redacted?: string;
}

export interface RunnerProgram {
  readonly root: string;
  readonly stateFile: string;
  readonly pid: number;
  /** What it, and whoever came after it, printed. */
  readonly said: readonly {
    host?: 'releases' | 'resumes';
    log?: string;
    ready?: number;
    /** Of the code that runs. */
    release?: string;
    generation?: number;
    isHandedOver?: boolean;
    word?: string | null;
    /** Of its environment: ONCE and ALWAYS. */
    once?: string;
    always?: string;
  }[];
  /** Its log, but for the line that each start prints. */
  readonly logs: () => string[];
  readonly stderr: () => string;
  /** Resolves with its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string | null>;
  readonly isAlive: () => boolean;
  state(): RunnerState & { distprint: OwnState };
  /** Resolves after `count` more heartbeats were written. */
  beats(count: number): Promise<void>;
  /** Installs other code. */
  upgrade(version: string): void;
}

/** A package with a daemon of its own. */
export function makeRunnerPackage(root: string, version = '1.0.0'): string {
  const fields = { name: 'daemon', version, type: 'module', bin: 'dist/main.js' };
  writeTree(root, { 'package.json': fields, 'dist/main.js': MAIN, 'dist/release.js': `export default '${version}';` });
  return root;
}

/** Starts a real runner, in a session of its own, and waits until it is ready. It is killed when the test is over, with who came after it. */
export async function startRunner(setup: RunnerSetup = {}, place: RunnerPlace = {}): Promise<RunnerProgram> {
  const runner = launchRunner(setup, place);
  await until('the runner to be ready', () => {
    if (!runner.isAlive()) throw new Error(`it ended: ${JSON.stringify(runner.said)} ${runner.stderr()}`);
    return runner.said.some(({ ready }) => ready !== undefined) || undefined;
  });
  return runner;
}

export interface RunnerPlace {
  args?: readonly string[];
  env?: NodeJS.ProcessEnv;
  root?: string;
  /** What Node is started by. It must pass signals on, or end with it. */
  wrapper?: readonly string[];
  cwd?: string;
  /** As it is typed. */
  script?: string;
  /** As it is typed. */
  runtime?: string;
}

export function launchRunner(
  { fields = {}, redacted, ...options }: RunnerSetup = {},
  {
    args = [],
    env = {},
    root = makeRunnerPackage(makeTemp()),
    cwd,
    script,
    runtime = process.execPath,
    wrapper = [],
  }: RunnerPlace = {},
): RunnerProgram {
  const stateFile = options.stateFile ?? join(makeTemp(), 'state/runner.state.json');
  const runner = { strategy: 'none', intervalMs: 30, settleMs: 100, proveMs: 100, ...options, stateFile };
  const setup = JSON.stringify({ ...runner, fields, redact: redacted });
  const [file = '', ...words] = [...wrapper, runtime, script ?? join(root, 'dist/main.js'), ...args];
  const child = spawn(file, words, {
    cwd,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...plainEnv, RUNNER: setup, ...env },
  });
  const pid = child.pid as number;
  const said: RunnerProgram['said'][number][] = [];
  const pids = new Set([pid]);
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() as string;
    for (const line of lines) {
      const what = JSON.parse(line) as RunnerProgram['said'][number];
      if (what.ready !== undefined) pids.add(what.ready);
      said.push(what);
    }
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<number | string | null>((resolve) =>
    child.on('exit', (code, signal) => resolve(code ?? signal)),
  );
  onTestFinished(async () => {
    if (child.exitCode !== null) pids.delete(pid);
    const heir = readHolder(lockBaseOf(stateFile))?.process.pid; // may not have said so yet
    if (heir !== undefined && readEnvironment(heir)?.some((entry) => entry.includes(stateFile))) pids.add(heir);
    for (const each of pids) {
      try {
        process.kill(each, 'SIGKILL');
      } catch {
        // it has ended
      }
    }
    await ended;
  });
  const state = () => JSON.parse(readFileSync(stateFile, 'utf8')) as ReturnType<RunnerProgram['state']>;
  return {
    root,
    stateFile,
    pid,
    said,
    stderr: () => stderr,
    logs: () => said.flatMap(({ log }) => (log === undefined || log.startsWith('watching ') ? [] : log)),
    ended,
    isAlive: () => child.exitCode === null && child.signalCode === null,
    state,
    async beats(count) {
      for (let i = 0; i < count; i++) {
        const { lastHeartbeat } = state();
        await until('a heartbeat', () => (state().lastHeartbeat === lastHeartbeat ? undefined : true));
      }
    },
    upgrade: (version) => void makeRunnerPackage(root, version),
  };
}
