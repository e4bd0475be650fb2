/**
 * Reads a small file of our own interest (package.json, a seal, a cache) whole, whatever lies in its place.
 * @module
 */

import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { DistprintError } from '../errors.ts';

/** O_NONBLOCK: where a FIFO lies in the file's place, opening it must not wait for a writer. */
export const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/**
 * The bytes, and how the file was just before.
 * @throws the operating system's errors as they are; ERR_DISTPRINT_UNSUPPORTED_FILE where it is no regular file
 */
export function readWholeFile(path: string): { bytes: Buffer; stats: Stats } {
  const fd = openSync(path, OPEN_FLAGS);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) {
      throw new DistprintError('ERR_DISTPRINT_UNSUPPORTED_FILE', `${path} is no regular file`, { path });
    }
    const bytes = Buffer.allocUnsafeSlow(stats.size);
    return { bytes: bytes.subarray(0, readSync(fd, bytes)), stats };
  } finally {
    closeSync(fd);
  }
}
