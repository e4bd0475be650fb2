/**
 * One lock holder at any time.
 *
 * The lock is a file `BASE.N` that names a process; N is the **generation**, and the highest one counts. A process takes it by linking
 * a whole file to the next name: link(2) never replaces a file, so one of two wins, and nobody reads half a record. The lock is free
 * when its holder is gone. The highest file is never removed, so a generation is never given twice.
 * @module
 */

import { linkSync, mkdirSync, readdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { randomHex } from '../../disk/random-name.ts';
import { readWholeFile } from '../../disk/whole-file.ts';
import { DistprintError, errnoOf } from '../../errors.ts';
import { isAlive, isForeign, isSameProcess, type ProcessId } from '../../platform/process-id.ts';

export interface LockHolder {
  readonly process: ProcessId;
  readonly generation: number;
}

/** Whom the lock names, alive or not. Undefined where it was never taken. @throws the operating system's errors as they are */
export function readHolder(base: string): LockHolder | undefined {
  const generation = generations(base).at(-1);
  if (generation === undefined) return undefined;
  try {
    const { bytes } = readWholeFile(`${base}.${generation}`);
    const { pid, started } = JSON.parse(bytes.toString('utf8')) as ProcessId;
    if (Number.isInteger(pid) && pid > 0 && typeof started === 'string')
      return { process: { pid, started }, generation };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return readHolder(base); // a higher one has just come
    if (errnoOf(error) !== undefined) throw error;
  }
  return { process: NOBODY, generation }; // damaged: the number counts, the name is nobody's
}

const NOBODY: ProcessId = { pid: 0, started: '' };

/**
 * Takes the lock for `me`, in a new generation.
 * @throws ERR_DISTPRINT_RUNNING where another process that is alive holds it; the operating system's errors as they are
 */
export function acquire(base: string, me: ProcessId): LockHolder {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const holder = assertFree(base, me);
    const taken = take(base, { process: me, generation: (holder?.generation ?? 0) + 1 });
    if (taken !== undefined) return taken;
  }
  const message = `${base} can't be taken: others took it ${ATTEMPTS} times in a row, or its number is spent`;
  throw new DistprintError('ERR_DISTPRINT_RUNNING', message, { path: base });
}

/** Who held it last. @throws ERR_DISTPRINT_RUNNING where another process that is alive holds it */
export function assertFree(base: string, me: ProcessId): LockHolder | undefined {
  const holder = readHolder(base);
  if (holder !== undefined && !isSameProcess(holder.process, me) && isAlive(holder.process))
    throw refuseClaim(base, holder);
  return holder;
}

export function refuseClaim(base: string, { process, generation }: LockHolder): DistprintError {
  const whose = isForeign(process) ? ' of another PID namespace or machine' : '';
  const message = `another runner holds ${base}: process ${process.pid}${whose}, generation ${generation}; \`distprint status\` says what it runs`;
  return new DistprintError('ERR_DISTPRINT_RUNNING', message, { path: base });
}

/** More than there are who want it at once. */
const ATTEMPTS = 1_000;

/**
 * Gives the lock to `process`, in the next generation. For the holder only.
 * @throws ERR_DISTPRINT_RUNNING where somebody else came in between; the operating system's errors as they are
 */
export function grant(base: string, holder: LockHolder, process: ProcessId): LockHolder {
  const taken = take(base, { process, generation: holder.generation + 1 });
  if (taken !== undefined) return taken;
  throw new DistprintError('ERR_DISTPRINT_RUNNING', `${base} was taken by another process`, { path: base });
}

/**
 * Makes sure that the lock names `holder`, also after somebody deleted it. A process that took it over and has ended since (a start
 * by hand that found its port in use, a replacement while the disk was full) loses it again. Returns who holds it now.
 * @param lives whether another holder is alive
 * @throws what `acquire` throws
 */
export function keepLock(base: string, holder: LockHolder, lives: (other: LockHolder) => boolean): LockHolder {
  const now = readHolder(base);
  if (now !== undefined && isSameProcess(now.process, holder.process)) return holder;
  const isFree = now === undefined || (now.generation <= holder.generation && !lives(now));
  if (isFree && take(base, holder) !== undefined) return holder;
  const other = readHolder(base);
  if (other !== undefined && lives(other)) return other;
  return acquire(base, holder.process);
}

/** Creates the file. Undefined where somebody else was first. */
function take(base: string, holder: LockHolder): LockHolder | undefined {
  const path = `${base}.${holder.generation}`;
  // A random name, opened exclusively: in a folder that others may write, a name that can be guessed could be a link of theirs.
  const temporary = `${base}.${randomHex(8)}.tmp`;
  mkdirSync(dirname(base), { recursive: true, mode: 0o700 });
  try {
    // Others may know whether a runner lives; what it says of itself is in the state.
    writeFileSync(temporary, `${JSON.stringify(holder.process)}\n`, { mode: 0o644, flag: 'wx' });
    linkSync(temporary, path);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return undefined;
    throw error;
  } finally {
    remove(temporary);
  }
  const all = generations(base);
  // Who looked long ago may link a number that was passed over meanwhile.
  if (all.at(-1) !== holder.generation) {
    remove(path);
    return undefined;
  }
  for (const passed of all.slice(0, -1)) remove(`${base}.${passed}`);
  return holder;
}

/** The generations that there are files of, ascending. */
function generations(base: string): number[] {
  const prefix = `${basename(base)}.`;
  let names: string[];
  try {
    names = readdirSync(dirname(base));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
  return names
    .filter((name) => name.startsWith(prefix) && /^[1-9]\d{0,14}$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
    .sort((a, b) => a - b);
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // somebody else did
  }
}
