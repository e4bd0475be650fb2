/**
 * One owner of the runner's role at any time.
 *
 * The lock is a file `BASE.N` that names a process; N is the **generation**, and the highest one counts. It is created by linking
 * a whole file to its name (link(2) never replaces one), so of two that want the next generation one gets it, and nobody reads half a
 * record. It is free when its process is gone. The highest file is never removed, not even at the end: so a generation is never given twice.
 * @module
 */

import { linkSync, mkdirSync, readdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { readWholeFile } from '../../disk/whole-file.ts';
import { DistprintError, errnoOf } from '../../errors.ts';
import { isAlive, isSameProcess, type ProcessId } from './process-id.ts';

export interface Owner {
  readonly process: ProcessId;
  readonly generation: number;
}

/** Who is named the owner, alive or not; undefined where nobody ever was. @throws the operating system's errors as they are */
export function readOwner(base: string): Owner | undefined {
  const generation = generations(base).at(-1);
  if (generation === undefined) return undefined;
  try {
    const { bytes } = readWholeFile(`${base}.${generation}`);
    const { pid, started } = JSON.parse(bytes.toString('utf8')) as ProcessId;
    if (Number.isInteger(pid) && pid > 0 && typeof started === 'string')
      return { process: { pid, started }, generation };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return readOwner(base); // a higher one has just come
    if (errnoOf(error) !== undefined) throw error;
  }
  return { process: NOBODY, generation }; // damaged: its number counts, its name is nobody's
}

const NOBODY: ProcessId = { pid: 0, started: '' };

/**
 * Makes `me` the owner, of a new generation.
 * @throws ERR_DISTPRINT_RUNNING where another that is alive owns it; the operating system's errors as they are
 */
export function claim(base: string, me: ProcessId): Owner {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const owner = readOwner(base);
    if (owner !== undefined && !isSameProcess(owner.process, me) && isAlive(owner.process)) {
      const message = `another runner owns ${base}: process ${owner.process.pid}, generation ${owner.generation}; stop it first`;
      throw new DistprintError('ERR_DISTPRINT_RUNNING', message, { path: base });
    }
    const taken = take(base, { process: me, generation: (owner?.generation ?? 0) + 1 });
    if (taken !== undefined) return taken;
  }
  const message = `the role at ${base} can't be had: others took it ${ATTEMPTS} times in a row, or its number is spent`;
  throw new DistprintError('ERR_DISTPRINT_RUNNING', message, { path: base });
}

/** More than there are who want it at once. */
const ATTEMPTS = 1_000;

/**
 * Names `process` the owner, in the next generation after `owner`. For the owner only.
 * @throws ERR_DISTPRINT_RUNNING where somebody else came in between; the operating system's errors as they are
 */
export function grant(base: string, owner: Owner, process: ProcessId): Owner {
  const taken = take(base, { process, generation: owner.generation + 1 });
  if (taken !== undefined) return taken;
  throw new DistprintError('ERR_DISTPRINT_RUNNING', `${base} was taken by another process`, { path: base });
}

/**
 * Whether `owner` still is it. Where its file is gone (the folder was deleted), it is written again, unless somebody else took over meanwhile.
 * @throws the operating system's errors as they are
 */
export function hold(base: string, owner: Owner): boolean {
  const now = readOwner(base);
  if (now !== undefined && isSameProcess(now.process, owner.process)) return true;
  if (now !== undefined && (now.generation > owner.generation || isAlive(now.process))) return false;
  return take(base, owner) !== undefined;
}

/**
 * The same, and where another took the role and has ended since, takes it back: a start by hand that found its port taken, or a
 * replacement while the disk was full. Returns who has the role now, where that can be told.
 * @throws what `claim` throws
 */
export function holdOrTakeBack(base: string, owner: Owner): Owner | undefined {
  if (hold(base, owner)) return owner;
  const other = readOwner(base);
  return other !== undefined && !isAlive(other.process) ? claim(base, owner.process) : other;
}

/** Creates the file; undefined where somebody else was first. */
function take(base: string, owner: Owner): Owner | undefined {
  const path = `${base}.${owner.generation}`;
  const temporary = `${base}-${process.pid}.tmp`;
  mkdirSync(dirname(base), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(temporary, `${JSON.stringify(owner.process)}\n`, { mode: 0o600 });
    linkSync(temporary, path);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return undefined;
    throw error;
  } finally {
    remove(temporary);
  }
  const all = generations(base);
  // Who looked long ago may link a number that was passed over meanwhile.
  if (all.at(-1) !== owner.generation) {
    remove(path);
    return undefined;
  }
  for (const passed of all.slice(0, -1)) remove(`${base}.${passed}`);
  return owner;
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
