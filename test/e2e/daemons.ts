/** The daemon of `fixtures/runner`, started with words, an environment, a directory and a mask that are known to the byte. */

import { spawn } from 'node:child_process';
import { cpSync, linkSync, mkdirSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { packageIn, scriptIn } from '../../fixtures/releases.ts';
import { toFsPath, toRaw } from '../../src/disk/raw-path.ts';
import type { OwnState, RunnerOptions, RunnerState } from '../../src/runner/index.ts';
import { makeTemp } from '../helpers/temp.ts';
import { sleep } from './watching.ts';

/** A raw string: a character for each byte. */
export type Bytes = string;

/** Of the kernel's record of a process; all are raw. */
export interface Seen {
  argv: Bytes[];
  /** Sorted: the order means nothing. */
  env: Bytes[];
  cwd: Bytes;
  umask: string;
}

const nulls = (path: string) => readFileSync(path, 'latin1').split('\0').slice(0, -1);

export const see = (pid: number): Seen => ({
  argv: nulls(`/proc/${pid}/cmdline`),
  env: nulls(`/proc/${pid}/environ`).sort(),
  cwd: readlinkSync(`/proc/${pid}/cwd`, 'latin1'),
  umask: readFileSync(`/proc/${pid}/status`, 'utf8').match(/^Umask:\s+(\d+)$/m)?.[1] ?? '',
});

/** A place where one release after the other is installed. */
export interface Place {
  /** What follows the runtime's own words: the script; nothing where the program is an executable of its own. */
  readonly script: readonly string[];
  /** The runtime, where it is the program itself. */
  readonly executable?: string;
  upgrade(release: number): void;
}

/** A copy of the first of these folders, into which npm has installed a release each; the package of another is swapped in, as pnpm does. */
export function makeAppPlace(apps: readonly string[]): Place {
  const app = join(makeTemp(), 'app');
  cpSync(apps[0] as string, app, { recursive: true });
  return {
    script: [scriptIn(app)],
    upgrade(release) {
      const next = `${packageIn(app)}.next`;
      cpSync(packageIn(apps[release - 1] as string), next, { recursive: true });
      renameSync(packageIn(app), `${packageIn(app)}.last`);
      renameSync(next, packageIn(app));
      rmSync(`${packageIn(app)}.last`, { recursive: true });
    },
  };
}

export function makeExecutablePlace(executables: readonly string[]): Place {
  const executable = join(makeTemp(), 'daemon');
  const put = (release: number) => {
    linkSync(executables[release - 1] as string, `${executable}.next`);
    renameSync(`${executable}.next`, executable);
  };
  put(1);
  return { script: [], executable, upgrade: put };
}

export interface Launched {
  /** What the shell was told to start. */
  readonly expected: Seen;
  readonly pid: number;
  /** Resolves with who has the lock in this generation, once it is ready. */
  ready(generation: number): Promise<{ pid: number; status: DaemonStatus; state: State }>;
}

type State = RunnerState & { distprint: OwnState };

export interface DaemonStatus {
  release: string;
  pid: number;
  argv: string[];
  execArgv: string[];
  cwd: string;
  umask: number;
}

export interface LaunchOptions {
  /** The runtime and its flags. */
  runtime: readonly string[];
  place: Place;
  runner: RunnerOptions;
  /** Raw, after all other words. */
  words?: readonly Bytes[];
  /** Raw, `NAME=value`. */
  env?: readonly Bytes[];
  /** Raw: the name of the directory. */
  directory?: Bytes;
  /** Words before all others: what starts the daemon, and hands its own environment on. */
  launcher?: readonly string[];
}

const UMASK = '0026';

/** Starts it through a shell script, in a session of its own, so that nobody owns it. It is killed when the test is over. */
export function launch({
  runtime,
  place,
  runner,
  words = [],
  env = [],
  directory = 'work',
  launcher = [],
}: LaunchOptions): Launched {
  const temp = makeTemp();
  const cwd = `${toRaw(temp)}/${directory}`;
  mkdirSync(toFsPath(cwd));
  const stateFile = join(temp, 'state/runner.state.json');
  const output = join(temp, 'output');
  const options = { intervalMs: 100, settleMs: 300, proveMs: 300, ...runner };
  const own = ['start-sync', '--workspace-root', '/w', '--port', '0', '--options', JSON.stringify(options)];
  const argv = [
    ...[...(place.executable ? [place.executable] : runtime), ...place.script, ...own].map(toRaw),
    ...words,
  ];
  const variables = [`PATH=${process.env.PATH}`, `HOME=${temp}`, `DISTPRINT_STATE_FILE=${stateFile}`].map(toRaw);
  const expected: Seen = { argv, env: [...variables, ...env].sort(), cwd, umask: UMASK };

  const quote = (raw: Bytes) => `'${raw.replaceAll("'", `'\\''`)}'`;
  const line = [...expected.env, ...launcher.map(toRaw), ...argv].map(quote).join(' ');
  const script = join(temp, 'start');
  writeFileSync(script, `umask ${UMASK}\ncd ${quote(cwd)} && exec env -i ${line} >${output} 2>&1\n`, 'latin1');
  const child = spawn('/bin/sh', [script], { detached: true, stdio: 'ignore' });
  const pid = child.pid as number;
  const pids = new Set([pid]);
  const readState = () => {
    try {
      const state = JSON.parse(readFileSync(stateFile, 'utf8')) as State;
      pids.add(state.pid);
      return state;
    } catch {
      return undefined; // not there yet
    }
  };
  onTestFinished(async () => {
    readState();
    for (const each of pids) {
      try {
        process.kill(each, 'SIGKILL');
      } catch {
        // it has ended
      }
    }
    if (child.exitCode === null && child.signalCode === null) await new Promise((resolve) => child.on('exit', resolve));
  });
  return {
    expected,
    pid,
    async ready(generation) {
      const deadlineMs = performance.now() + 60_000;
      for (;;) {
        const state = readState();
        if (state?.distprint.generation === generation && state.distprint.ready) {
          const answer = await fetch(`http://127.0.0.1:${state.httpPort}/status`).catch(() => undefined);
          const status = (await answer?.json().catch(() => undefined)) as DaemonStatus | undefined;
          if (status?.pid === state.pid) return { pid: state.pid, status, state };
        }
        if (performance.now() > deadlineMs) {
          const said = readFileSync(output, 'utf8').slice(-4_000);
          throw new Error(`no generation ${generation} in 60 s: ${JSON.stringify(state?.distprint)}\n${said}`);
        }
        await sleep(50);
      }
    },
  };
}
