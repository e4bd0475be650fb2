/**
 * Writes a file atomically: who reads it sees all of the old content or all of the new, even after a power cut.
 *
 * A temporary file beside the target takes the bytes, is flushed to the disk, and is renamed. Its name is the target's with
 * `.<16 hex digits>.tmp` behind it: random, so that nobody can put a link in its place, and of a form by which what a killed
 * process left can be found. No signal handler removes it: one that is installed and removed at each write can swallow a signal.
 * @module
 */

import fs, { type Stats } from 'node:fs';
import { promisify } from 'node:util';
import { DistprintError, errnoOf } from '../errors.ts';
import { mayBeHeld } from '../platform/paths.ts';
import { perform, runAsync, runSync, type Work, wait } from '../steps.ts';
import { randomHex } from './random-name.ts';
import { statOrNothing } from './stat.ts';

export interface WriteOptions {
  /** Of the file, less the umask. Default: mode and owner of the file that is replaced, else 0666. */
  mode?: number;
}

/**
 * A symbolic link stays: the file that it leads to is replaced.
 * @throws the operating system's errors, about `path` and never the temporary file; ERR_DISTPRINT_UNSUPPORTED_FILE where something
 * other than a regular file is there, or another user's link
 */
export function writeFileAtomic(path: string, content: string | Uint8Array, options: WriteOptions = {}): Promise<void> {
  return runAsync(write(path, content, options));
}

/** The same, blocking. */
export function writeFileAtomicSync(path: string, content: string | Uint8Array, options: WriteOptions = {}): void {
  runSync(write(path, content, options));
}

function* write(path: string, content: string | Uint8Array, { mode }: WriteOptions): Work<void> {
  let temporary: string | undefined;
  try {
    const target = followLink(path);
    const replaced = statOrNothing(target);
    if (replaced?.isFile() === false) throw refuse(path, 'is no regular file, so it is not replaced');
    const name = `${target}.${randomHex(8)}.tmp`;
    const fd = fs.openSync(name, 'wx', mode ?? 0o666);
    temporary = name;
    try {
      if (mode === undefined && replaced !== undefined) makeLike(fd, replaced);
      yield* perform({ sync: () => fs.writeFileSync(fd, content), async: () => promisify(fs.writeFile)(fd, content) });
      yield* perform({ sync: () => fs.fsyncSync(fd), async: () => promisify(fs.fsync)(fd) });
    } finally {
      fs.closeSync(fd);
    }
    yield* rename(name, target);
  } catch (error) {
    if (temporary !== undefined) remove(temporary);
    throw aboutTarget(error, path);
  }
}

/** In milliseconds; a second in all. As long as that a reader or a virus scanner may hold the target, on Windows. */
const RENAME_WAITS_MS = [10, 30, 60, 100, 200, 600];

function* rename(from: string, to: string): Work<void> {
  for (const waitMs of RENAME_WAITS_MS) {
    try {
      return fs.renameSync(from, to);
    } catch (error) {
      if (!mayBeHeld(error)) throw error;
    }
    yield* perform(wait(waitMs));
  }
  fs.renameSync(from, to);
}

/** Where a link leads; the path itself where it is none, or leads to nothing. */
function followLink(path: string): string {
  const link = fs.lstatSync(path, { throwIfNoEntry: false });
  if (link?.isSymbolicLink() !== true) return path;
  // In a folder that others may write, a link could be there to make us replace a file that only we may write.
  if (process.getuid !== undefined && ![0, process.getuid()].includes(link.uid))
    throw refuse(path, `is a link of another user (${link.uid}), so it is not followed`);
  return statOrNothing(path) === undefined ? path : fs.realpathSync(path);
}

const refuse = (path: string, why: string) =>
  new DistprintError('ERR_DISTPRINT_UNSUPPORTED_FILE', `${path} ${why}`, { path });

/** As far as this user may. */
function makeLike(fd: number, { mode, uid, gid }: Stats): void {
  try {
    fs.fchmodSync(fd, mode & 0o777);
    fs.fchownSync(fd, uid, gid);
  } catch {
    // the file is then one that this user creates
  }
}

function remove(path: string): void {
  try {
    fs.unlinkSync(path);
  } catch {
    // the disk is gone, or has become read-only
  }
}

function aboutTarget(error: unknown, path: string): unknown {
  if (errnoOf(error) === undefined) return error;
  const { message, code, errno, syscall } = error as NodeJS.ErrnoException;
  const [reason] = message.split(', '); // behind it stand the call and its paths
  return Object.assign(new Error(`${reason}, ${syscall} '${path}'`, { cause: error }), { code, errno, syscall, path });
}
