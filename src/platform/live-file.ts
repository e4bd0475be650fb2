/**
 * Shows on Windows that a process lives: it keeps a file open exclusively, until its end. Whoever else opens it gets EBUSY.
 *
 * Nothing in Node tells when another process started. So the file's random name stands for that: a reused PID is never taken for the
 * process that had it before.
 * @module
 */

import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { errnoOf } from '../errors.ts';

/** Flags of libuv's fs.c, which Node hands on: nobody else may open it meanwhile; the kernel removes it once it is closed. */
const UV_FS_O_EXLOCK = 0x1000_0000;
const UV_FS_O_TEMPORARY = 0x40;
const FLAGS = constants.O_CREAT | constants.O_EXCL | constants.O_RDWR | UV_FS_O_EXLOCK | UV_FS_O_TEMPORARY;

/** How such a file's name ends. */
export const LIVE_FILE = /\.live-[\da-f-]{36}$/;

const held = new Map<string, string>();

/**
 * The path of this process's file beside a lock, where that can be written; else in the temporary folder. It stays open until the process
 * ends. Undefined where there can be none.
 * @param base of the lock
 */
export function holdLiveFile(base: string): string | undefined {
  const known = held.get(base);
  if (known !== undefined) return known;
  const name = `${basename(base)}.live-${crypto.randomUUID()}`;
  for (const folder of [dirname(resolve(base)), tmpdir()]) {
    const path = join(folder, name);
    try {
      mkdirSync(folder, { recursive: true });
      openSync(path, FLAGS);
      held.set(base, path);
      return path;
    } catch {
      // it can't be written there
    }
  }
  return undefined;
}

/** Whether a process has it open. Those who ask don't disturb each other. */
export function isLiveFileHeld(path: string): boolean {
  if (!LIVE_FILE.test(path)) return false;
  try {
    closeSync(openSync(path, 'r'));
    return false; // left where the machine lost its power
  } catch (error) {
    return errnoOf(error) === 'EBUSY';
  }
}
