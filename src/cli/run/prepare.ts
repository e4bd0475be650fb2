/**
 * All that can be wrong with what was asked for is said here, before anything is started. What a restart needs is loaded here too: our own
 * release may be replaced on disk while the command runs.
 * @module
 */

import { isAbsolute, parse, relative, resolve } from 'node:path';
import { readOwnWords, realpathOrNothing } from '../../change/running-program.ts';
import { toRaw } from '../../disk/raw-path.ts';
import { statOrNothing } from '../../disk/stat.ts';
import { DistprintError, isDistprintError } from '../../errors.ts';
import { platform } from '../../platform/index.ts';
import { DEFAULT_LIMITS } from '../../runner/handoff/gate.ts';
import { getLaunch, type Launch } from '../../runner/handoff/launch.ts';
import { type CoverageOptions, escapeGlob } from '../../scan/coverage.ts';
import type { HowToStop } from './child.ts';
import { LISTEN_VARIABLES, openSockets, withListenPid } from './listen.ts';
import { createRunMark } from './mark.ts';
import { needsIpc, needsOutput, parseReady, whyAmbiguous } from './ready.ts';
import { createSay } from './say.ts';
import { isOnTerminal, keepModes } from './terminal.ts';
import { type ToStart, toExecutable } from './to-executable.ts';
import { startWatchdog } from './watchdog.ts';
import { createWatched, type WatchedPath } from './watched.ts';
import { liesInNodeModules, SETTLE_INSTALLED_MS, SETTLE_OWN_MS, whatToWatch } from './what-to-watch.ts';
import { type Prepared, type State, startedOn, vouchedFor } from './wrapper.ts';

/** As the command line gives them. Durations are milliseconds. */
export interface RunOptions {
  include?: string[];
  exclude?: string[];
  watch?: string[];
  settle?: number;
  interval: number;
  restart: 'stop-first' | 'start-first';
  listen?: string[];
  ready?: string;
  timeout: number;
  onExit?: 'wait' | 'exit' | 'restart';
  stopSignal: NodeJS.Signals | 'message';
  grace: number;
  maxRestarts: number;
  rs?: boolean;
  verbose?: boolean;
  quiet?: boolean;
  json?: string;
  state?: string;
  metricsFile?: string;
}

/** @throws ERR_DISTPRINT_OPTION and what else is wrong with what was asked for */
export async function prepare(words: readonly string[], options: RunOptions, state: State): Promise<Prepared> {
  const cwd = process.cwd();
  const say = createSay({ quiet: options.quiet === true, verbose: options.verbose === true, json: options.json });
  const ready = options.ready === undefined ? null : parseReady(options.ready);
  const ambiguous = ready === null ? null : whyAmbiguous(ready, options.restart === 'start-first');
  if (ambiguous !== null) throw new DistprintError('ERR_DISTPRINT_OPTION', ambiguous);
  const toStart = () => toExecutable(words, process.env, cwd);
  toStart(); // what can't be started is said first
  const { paths, coverage, program } = findPaths(words, options, cwd);
  const lacks = () => (program === undefined ? null : whyNoProgram(program));
  const watched = createWatched(
    paths,
    coverage,
    lacks,
    () => vouchedFor(state),
    () => startedOn(state),
  );
  const sockets = await openSockets(options.listen ?? [], process.env);
  const onTerminal = isOnTerminal();
  const mark = createRunMark();
  const byMessage = options.stopSignal === 'message';
  const signal = options.stopSignal === 'message' ? 'SIGTERM' : options.stopSignal;
  const stop: HowToStop = { signal, byMessage, graceMs: options.grace };
  if (platform.isPosix) startWatchdog(mark, stop); // on Windows, a job object of libuv's ends our children with us
  if (process.pid === 1)
    say.tell({
      event: 'note',
      reason: 'runs as PID 1, and reaps nothing: give the container an init (docker run --init)',
    });
  return {
    watched,
    say,
    ready,
    how: {
      launch: createLaunch(words, sockets.fds.length > 0, toStart),
      env: sockets.env,
      fds: sockets.fds,
      ownSession: !onTerminal && platform.isPosix,
      keepsInput: options.rs === true,
      pipesOutput: ready !== null && needsOutput(ready),
      ipc: byMessage || (ready !== null && needsIpc(ready)),
    },
    stop,
    limits: {
      ...DEFAULT_LIMITS,
      breaker: { max: options.maxRestarts, windowMs: 60_000 },
      backOff: { ...DEFAULT_LIMITS.backOff, maxMs: Infinity }, // what was refused stays so until it changes
    },
    timeoutMs: options.timeout,
    intervalMs: options.interval,
    startsBeside: options.restart === 'start-first',
    onExit: options.onExit ?? (onTerminal ? 'wait' : 'exit'),
    onTerminal,
    mark,
    lacks,
    programNow: () => (program === undefined ? '' : SUFFIXES.map((suffix) => sayStats(program + suffix)).join()),
    restoreModes: keepModes(),
    closeSockets: () => sockets.close(),
  };
}

/** What we write ourselves is no reason to restart. */
function toCoverage(
  { include, exclude = [], json, state, metricsFile }: RunOptions,
  paths: readonly string[],
  cwd: string,
) {
  const own = [json, state?.replace(/(?:\.json)?$/, ''), metricsFile].filter((file) => file !== undefined);
  const ours = own.flatMap((file) =>
    paths
      .map((path) => relative(path, resolve(cwd, file)))
      .filter((inside) => !inside.startsWith('..') && !isAbsolute(inside))
      .map((inside) => `${escapeGlob(toRaw(inside))}${file === json ? '' : '*'}`),
  );
  const all = [...exclude, ...ours];
  return { ...(include && { include }), ...(all.length > 0 && { exclude: all }) };
}

/** What to watch, how, and what has to be there for a start. */
interface Found {
  readonly paths: readonly WatchedPath[];
  readonly coverage: CoverageOptions;
  readonly program: string | undefined;
}

function findPaths(words: readonly string[], options: RunOptions, cwd: string): Found {
  const { watch, settle } = options;
  if (watch === undefined) {
    const { path, program, settleMs, include } = whatToWatch(words, process.env, cwd);
    const coverage = { ...(include && { include }), ...toCoverage(options, [path], cwd) };
    return { paths: [toWatchedPath(path, settle ?? settleMs)], coverage, program };
  }
  const named = watch.map((each) => resolve(cwd, each));
  const paths = named.map((path) => toWatchedPath(path, settle ?? usualSettleMs(path)));
  return { paths, coverage: toCoverage(options, named, cwd), program: findProgram(words, cwd) };
}

/** With `--watch`, the command need not tell what it runs. */
function findProgram(words: readonly string[], cwd: string): string | undefined {
  try {
    return whatToWatch(words, process.env, cwd).program;
  } catch (error) {
    if (!isDistprintError(error, 'ERR_DISTPRINT_OPTION')) throw error;
    return undefined;
  }
}

/** As Node finds it: `node app` stands for app.js or app/index.js. */
const SUFFIXES = ['', '.js', '.json', '.node', '/index.js', '/package.json'];

/** An emptied one is about to be written, or could not be: the disk is full. It would end at once, with success. */
function whyNoProgram(program: string): string | null {
  const found = SUFFIXES.map((suffix) => statOrNothing(program + suffix)).filter((stats) => stats?.isFile() === true);
  if (found.some((stats) => Number(stats?.size) > 0)) return null;
  return found.length === 0 ? `${program} is not there yet` : `${program} is empty`;
}

/** Other words once it was written anew. */
function sayStats(path: string): string {
  const stats = statOrNothing(path);
  return stats === undefined ? '' : `${stats.ino} ${stats.size} ${stats.ctimeMs}`;
}

function toWatchedPath(path: string, settleMs: number): WatchedPath {
  const { root } = parse(path);
  if (path !== root && realpathOrNothing(path) !== root) return { path, settleMs };
  throw new DistprintError(
    'ERR_DISTPRINT_OPTION',
    '--watch /: that is the whole machine; name the folder of the build',
  );
}

/** A project's own build is written in one go. An install, or one large file, has pauses. */
function usualSettleMs(path: string): number {
  return liesInNodeModules(path) || statOrNothing(path)?.isFile() === true ? SETTLE_INSTALLED_MS : SETTLE_OWN_MS;
}

/** Its words to the byte, in the directory and with the environment that we were given. */
function createLaunch(words: readonly string[], hasSockets: boolean, toStart: () => ToStart): () => Launch {
  const own = readOwnWords()?.slice(-words.length) ?? [];
  const isOurs = own.every((word, i) => Buffer.from(word, 'latin1').toString('utf8') === words[i]);
  const typed = own.length === words.length && isOurs ? own : words.map(toRaw);
  const argv = hasSockets ? withListenPid(typed) : typed;
  const launch = getLaunch();
  const env = launch.env.filter((entry) => !LISTEN_VARIABLES.some((name) => entry.startsWith(`${name}=`)));
  const asTyped: Launch = { ...launch, env, file: argv[0] as string, argv };
  if (platform.isPosix) return () => asTyped;
  let last = toStart();
  return () => {
    try {
      last = toStart();
    } catch {
      // the shim is just being replaced, and mostly by its like
    }
    return behindShim(asTyped, last);
  };
}

function behindShim(launch: Launch, { words, env }: ToStart): Launch {
  const argv = words.map(toRaw);
  const set = Object.entries(env).map(([name, value]) => toRaw(`${name}=${value}`));
  return { ...launch, file: argv[0] as string, argv, env: [...launch.env, ...set] };
}
