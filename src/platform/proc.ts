/**
 * What Linux tells of a process in /proc (proc(5)). Elsewhere, and of a process that has ended, every answer is undefined.
 *
 * Texts are read as latin1, a character a byte: they may hold bytes that are not UTF-8 (disk/raw-path.ts).
 * @module
 */

import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync } from 'node:fs';

type Pid = number | 'self';

const isLinux = process.platform === 'linux';

/** What `read` gives. Undefined where it fails, and anywhere but on Linux. */
export function orUndefined<T>(read: () => T): T | undefined {
  if (!isLinux) return undefined; // on Windows, /proc is a folder that anybody may have made
  try {
    return read();
  } catch {
    return undefined;
  }
}

const readNulls = (path: string) => orUndefined(() => readFileSync(path, 'latin1').split('\0').slice(0, -1));

/** The words of its command line. */
export const readCommandLine = (pid: Pid): string[] | undefined => readNulls(`/proc/${pid}/cmdline`);

/** `NAME=value` each, as they were when it started. */
export const readEnvironment = (pid: Pid): string[] | undefined => readNulls(`/proc/${pid}/environ`);

/** Whether that has an entry that begins so. A third of the time that reading them takes: it is asked of every process of the machine. */
export function hasInEnvironment(pid: Pid, beginning: string): boolean {
  environment ??= Buffer.alloc(256 * 1024);
  const length = orUndefined(() => readInto(`/proc/${pid}/environ`, environment as Buffer)) ?? 0;
  if (length === environment.length) return readEnvironment(pid)?.some((each) => each.startsWith(beginning)) === true;
  const read = environment.subarray(0, length);
  return read.indexOf(beginning, 0, 'latin1') === 0 || read.includes(`\0${beginning}`, 0, 'latin1');
}

let environment: Buffer | undefined;

function readInto(path: string, bytes: Buffer): number {
  const fd = openSync(path, 'r');
  try {
    return readSync(fd, bytes);
  } finally {
    closeSync(fd);
  }
}

export const readWorkingDirectory = (pid: Pid): string | undefined =>
  orUndefined(() => readlinkSync(`/proc/${pid}/cwd`, 'latin1'));

/** The first 15 bytes of its command's name. */
export const readCommandName = (pid: Pid): string | undefined =>
  orUndefined(() => readFileSync(`/proc/${pid}/comm`, 'latin1').trimEnd());

/** All of its cgroups, a line each: `ID:CONTROLLERS:PATH`. */
export const readCgroups = (pid: Pid): string | undefined =>
  orUndefined(() => readFileSync(`/proc/${pid}/cgroup`, 'latin1'));

export interface Stat {
  /** `Z` and `X`: it has ended, and its parent has not waited for it. */
  readonly state: string;
  readonly parent: number;
  /** The process group. */
  readonly group: number;
  readonly session: number;
  /** The process group in the foreground of its terminal; -1 where it has none. */
  readonly foreground: number;
  /** Of the processor, by it and by those of its children that it waited for. */
  readonly ticks: number;
  /** In clock ticks since the machine was started. */
  readonly startTicks: string;
}

/** Of a state as `stat` shows it, and ps(1), which adds letters. */
export const hasEnded = (state: string): boolean => /^[ZX]/.test(state);

export function readStat(pid: Pid): Stat | undefined {
  return orUndefined(() => {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command's name, field 2, may itself hold spaces and parentheses.
    const [state = '', parent, group, session, ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const ids = { parent: Number(parent), group: Number(group), session: Number(session) };
    const field = (number: number) => Number(rest[number - 7]);
    const ticks = field(14) + field(15) + field(16) + field(17);
    return { state, ...ids, foreground: field(8), ticks, startTicks: rest[22 - 7] as string };
  });
}

/** Those that have ended and were not waited for among them. None where that can't be told. */
export function listChildren(pid: Pid): number[] {
  const ofThread = (thread: string) =>
    orUndefined(() => readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1').split(' ').filter(Boolean)) ?? [];
  return (orUndefined(() => readdirSync(`/proc/${pid}/task`)) ?? []).flatMap(ofThread).map(Number);
}

/** The PID that was given last in this PID namespace: it changes with each fork. */
export const readLastPid = (): string | undefined =>
  orUndefined(() => readFileSync('/proc/loadavg', 'latin1').trimEnd().split(' ')[4]);

/** All that live and have ended, and that this user may see. */
export const listPids = (): number[] =>
  (orUndefined(() => readdirSync('/proc')) ?? []).map(Number).filter((pid) => pid > 0);

/** The user who runs it. */
export const readOwner = (pid: Pid): number | undefined =>
  orUndefined(() => statSync(`/proc/${pid}`, { throwIfNoEntry: false }))?.uid;

/** The executable that runs this process: it is kept, whatever became of its path, and nobody may write to it (proc_pid_exe(5)). */
export const OWN_EXECUTABLE: string | undefined = isLinux ? '/proc/self/exe' : undefined;

let world: string | undefined;

/**
 * Where a PID and its ticks mean anything: this start of this machine, and this PID namespace (pid_namespaces(7)). Neither changes.
 */
export function getWorld(): string | undefined {
  world ??= orUndefined(() =>
    [readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(), readlinkSync('/proc/self/ns/pid')].join('/'),
  );
  return world;
}
