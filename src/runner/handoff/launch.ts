/**
 * Records how this process was launched, to the byte, and launches it again.
 *
 * Words are raw strings (disk/raw-path.ts), a byte a character, so bytes that are not UTF-8 survive. Node's `spawn` and `execve`
 * take text only; where a word is not UTF-8, a shell launches it, and reads it from a file. The environment never stands on a command
 * line, which every user may read.
 * @module
 */

import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import cluster from 'node:cluster';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import {
  executablePath,
  isExecutableItself,
  locateRunningProgram,
  readOwnWords,
  typedDirectory,
} from '../../change/running-program.ts';
import { toFsPath, toRaw, writePath } from '../../disk/raw-path.ts';
import { ASK_TO_END } from '../../platform/ask-to-end.ts';
import { whyNotDirectory, whyNotExecutable, whyNotStarted } from '../../platform/executable.ts';
import { platform } from '../../platform/index.ts';
import { readEnvironment, readWorkingDirectory } from '../../platform/proc.ts';
import { quoteForShell } from '../../platform/shell.ts';
import { HANDOFF_VARIABLE } from './protocol.ts';

/** All words are raw. */
export interface Launch {
  /** The executable. */
  readonly file: string;
  /** As it was started: argv[0], the runtime's own flags, the script, its arguments. */
  readonly argv: readonly string[];
  readonly cwd: string;
  /** `NAME=value` each, as it was at the start. */
  readonly env: readonly string[];
  readonly umask: number;
}

/** `process.execve`, where the runtime has it: Node >= 22.15, Bun. */
const execve = (
  process as { execve?: (file: string, args: readonly string[], env: Record<string, string>) => never }
).execve?.bind(process);

/** Why this process can't become another in place; null where it can. */
export function findExecBlocker(): string | null {
  if (process.env.LISTEN_PID === String(process.pid)) return 'exec would close the sockets that it was started with';
  if (!platform.isPosix) return 'Windows can not replace the code of a process in place';
  if (execve === undefined) return 'this runtime has no process.execve';
  if (cluster.isWorker) return 'a worker of node:cluster would lose its primary';
  return whyNoShell(launch);
}

/** Belong to one process only: the hand-off, and the IPC channel, whose descriptor is closed by then. */
const OWN_VARIABLES = new Set([HANDOFF_VARIABLE, 'NODE_CHANNEL_FD', 'NODE_CHANNEL_SERIALIZATION_MODE']);

const nameOf = (entry: string) => entry.slice(0, entry.indexOf('='));

// At import, before the host changes its title (which overwrites its command line), its directory or its mask.
let launch: Launch = {
  file: toRaw(executablePath()),
  argv: readArgv(),
  cwd: readWorkingDirectory('self') ?? toRaw(process.cwd()),
  env: readEnv().filter((entry) => !OWN_VARIABLES.has(nameOf(entry))),
  umask: process.umask(),
};

/** Leaves environment variables out of what is launched again: they were meant for this process alone. */
export function leaveOut(variables: readonly string[]): void {
  const names = new Set(variables.map(toRaw));
  launch = { ...launch, env: launch.env.filter((entry) => !names.has(nameOf(entry))) };
}

/** How this process was launched, by the paths that were typed: they may lead to a new release by now. */
export function getLaunch(): Launch {
  const file = isExecutableItself() ? (locateRunningProgram() ?? launch.file) : findRuntime();
  if (typedDirectory === undefined || whyNotDirectory(typedDirectory) !== null) return { ...launch, file };
  return { ...launch, file, cwd: toRaw(typedDirectory) };
}

/** The runtime where it was, or where the typed word leads now: a version manager may have repointed a link, and removed the old folder. */
function findRuntime(): string {
  if (existsSync(toFsPath(launch.file))) return launch.file;
  const { argv0 } = process;
  const path = launch.env.find((entry) => entry.startsWith('PATH='))?.slice('PATH='.length) ?? '';
  const folders = argv0.includes('/') ? [''] : toText(path).split(':');
  const candidates = folders.map((folder) => resolve(typedDirectory ?? toText(launch.cwd), folder, argv0));
  const found = candidates.find((file) => whyNotExecutable(file) === null);
  return found === undefined ? launch.file : toRaw(found);
}

/** One environment variable more, in text. */
export type ExtraEnv = Readonly<Record<string, string>>;

export interface SpawnAlikeOptions {
  readonly stdio: StdioOptions;
  readonly detached: boolean;
}

/**
 * Starts a child in the same way. It emits `error` where that fails.
 * @throws what stands in the way of a shell that would have to start it
 */
export function spawnAlike(
  { file, argv, cwd, env, umask }: Launch,
  extra: ExtraEnv,
  options: SpawnAlikeOptions,
): ChildProcess {
  const before = process.umask(umask);
  try {
    if (isAllText({ file, argv, cwd, env })) {
      return spawn(toText(file), argv.slice(1).map(toText), {
        ...options,
        argv0: toText(argv[0] ?? file),
        cwd: toText(cwd),
        env: { ...toEnv(env), ...extra },
      });
    }
    const script = writeScript({ file, argv, cwd, env, umask });
    return spawn(SHELL, [script], { ...options, env: { ...toEnv(env.filter(isText)), ...extra } });
  } finally {
    process.umask(before);
  }
}

/** Why this process can't be launched again in place just now, as far as that can be told; null where it can. */
export function whyNoExec(asked: Launch = getLaunch()): string | null {
  const { file, cwd } = asked;
  const problem = whyNotExecutable(toFsPath(file)) ?? whyNotDirectory(toFsPath(cwd)) ?? whyNoShell(asked);
  // A program that is in its executable knows no `--version`: it would run.
  if (problem !== null || isExecutableItself() || !isText(file) || !isText(cwd)) return problem;
  return whyNotStarted(toText(file), toText(cwd));
}

/**
 * Becomes a process launched in the same way, keeping PID, children and stdio. Doesn't return.
 * @param stopped aborted when this process is to end; then it does, and becomes nobody
 * @throws what speaks against it; what execve(2) failed with, where the runtime survives that
 */
export async function execAlike(asked: Launch, extra: ExtraEnv, stopped: AbortSignal): Promise<never> {
  const problem = whyNoExec(asked);
  if (problem !== null) throw new Error(problem);
  await hearSignals();
  stopped.throwIfAborted();
  return execNow(asked, extra);
}

/** The checks took milliseconds. A signal that came meanwhile reaches the host now: after exec, nobody would know of it. */
async function hearSignals(): Promise<void> {
  await setImmediate(); // may still be of the turn that this was called in
  await setImmediate();
}

function execNow({ file, argv, cwd, env, umask }: Launch, extra: ExtraEnv): never {
  if (execve === undefined) throw new Error('this runtime has no process.execve');
  const before = { cwd: process.cwd(), umask: process.umask(umask) };
  const hearAgain = stopHearing();
  try {
    if (!isAllText({ file, argv, cwd, env })) {
      const script = writeScript({ file, argv, cwd, env, umask });
      execve(SHELL, ['sh', script], { ...toEnv(env.filter(isText)), ...extra });
    }
    process.chdir(toText(cwd));
    return execve(toText(file), argv.map(toText), { ...toEnv(env), ...extra });
  } catch (error) {
    process.umask(before.umask);
    process.chdir(before.cwd);
    hearAgain();
    throw error;
  }
}

/** From here on the host hears no signal. One that asks to end ends this process, as it would end the new one at its start. */
function stopHearing(): () => void {
  const heard = [...ASK_TO_END].map((signal) => [signal, process.rawListeners(signal)] as const);
  for (const [signal] of heard) process.removeAllListeners(signal);
  return () => {
    for (const [signal, listeners] of heard)
      for (const listener of listeners) process.on(signal, listener as NodeJS.SignalsListener);
  };
}

const SHELL = '/bin/sh';
/** What every shell hands on. It drops a variable of any other name. */
export const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** What a shell sets by itself, whatever it was given. */
const OF_SHELLS = /^(?:IFS|OPTIND|PPID|LINENO|UID|EUID|SHELLOPTS|BASHOPTS)=/;

/** Why a shell, where one has to start it, would lose something; null where it would not, or where none is needed. */
function whyNoShell({ file, argv, cwd, env }: Launch): string | null {
  if (isAllText({ file, argv, cwd, env })) return null;
  const lost = env.find((entry) => !SHELL_NAME.test(nameOf(entry)) || OF_SHELLS.test(entry));
  if (lost === undefined) return whyNotExecutable(SHELL);
  const name = writePath(lost.slice(0, lost.indexOf('=')));
  return `its arguments, directory or environment are not UTF-8, so a shell would have to start it, which can't hand on the variable ${name}`;
}

/** A script that removes itself and becomes the launched program. argv[0] is then the executable's path. */
function writeScript(launch: Launch): string {
  const problem = whyNoShell(launch);
  if (problem !== null) throw new Error(problem);
  const { file, argv, cwd, env, umask } = launch;
  const directory = mkdtempSync(join(tmpdir(), 'distprint-launch-'));
  const set = (entry: string) => {
    const end = entry.indexOf('=') + 1;
    return `export ${entry.slice(0, end)}${quoteForShell(entry.slice(end))}`;
  };
  const script = join(directory, 'launch');
  const lines = [
    `rm -rf ${quoteForShell(toRaw(directory))}`,
    `umask ${umask.toString(8)}`,
    `cd ${quoteForShell(cwd)} || exit`,
    'unset PWD OLDPWD', // cd has set them
    ...env.filter((entry) => !isText(entry) || /^(?:OLD)?PWD=/.test(entry)).map(set),
    `exec ${[file, ...argv.slice(1)].map(quoteForShell).join(' ')}`,
  ];
  try {
    writeFileSync(script, `${lines.join('\n')}\n`, { encoding: 'latin1', mode: 0o600 });
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
  return script;
}

function toText(raw: string): string {
  return Buffer.from(raw, 'latin1').toString('utf8');
}

/** Whether Node can launch it by itself. */
function isAllText({ file, argv, cwd, env }: Omit<Launch, 'umask'>): boolean {
  return [file, cwd, ...argv, ...env].every(isText);
}

function isText(raw: string): boolean {
  return toRaw(toText(raw)) === raw;
}

function toEnv(entries: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    entries.map((entry) => {
      const end = entry.indexOf('=');
      return [toText(entry.slice(0, end)), toText(entry.slice(end + 1))];
    }),
  );
}

/** The words that the operator typed. Where nobody shows them, they are put together from what the runtime says. */
function readArgv(): string[] {
  const { argv0, execArgv, argv } = process;
  // What an executable holds in itself, flags for its runtime among that, is not said to it again.
  return (
    readOwnWords() ?? [argv0, ...(isExecutableItself() ? argv.slice(2) : [...execArgv, ...argv.slice(1)])].map(toRaw)
  );
}

function readEnv(): string[] {
  const entries = (readEnvironment('self') ?? []).filter((entry) => entry.indexOf('=') > 0);
  return entries.length > 0 ? entries : Object.entries(process.env).map(([name, value]) => toRaw(`${name}=${value}`));
}
