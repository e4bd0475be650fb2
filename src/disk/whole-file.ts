/**
 * Reads a small file of our own interest (package.json, a seal, a cache) whole, whatever lies in its place.
 * @module
 */

import { closeSync, constants, openSync, readSync, type Stats } from 'node:fs';
import { DistprintError } from '../errors.ts';
import { statOpen } from './stat.ts';

/** O_NONBLOCK: where a FIFO lies in the file's place, opening it must not wait for a writer. */
export const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** Far above any package.json. What is larger was not meant to be read whole. */
const USUAL_MAX_BYTES = 1024 * 1024;

/**
 * The bytes, and how the file was just before.
 * @throws the operating system's errors as they are; ERR_DISTPRINT_UNSUPPORTED_FILE if it is no regular file, or has more than `maxBytes`
 */
export function readWholeFile(path: string, maxBytes = USUAL_MAX_BYTES): { bytes: Buffer; stats: Stats } {
  const fd = openSync(path, OPEN_FLAGS);
  try {
    const stats = statOpen(fd);
    const fail = (what: string) => new DistprintError('ERR_DISTPRINT_UNSUPPORTED_FILE', `${path} ${what}`, { path });
    if (!stats.isFile()) throw fail('is no regular file');
    if (stats.size > maxBytes) throw fail(`has ${stats.size} bytes; at most ${maxBytes} are read`);
    const bytes = Buffer.allocUnsafeSlow(stats.size);
    let got = 0;
    for (let more = -1; more !== 0 && got < bytes.length; got += more) {
      more = readSync(fd, bytes, got, bytes.length - got, null);
    }
    return { bytes: bytes.subarray(0, got), stats };
  } finally {
    closeSync(fd);
  }
}

/**
 * A group with this user's number is nobody else's: where each user has one, it may write by default. Root's group is root.
 * False where there are no users: a mode says nothing there.
 */
export function mayOthersWrite({ mode, gid }: Stats): boolean {
  if (process.getuid === undefined) return false;
  return (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && ![0, process.getuid()].includes(gid));
}
