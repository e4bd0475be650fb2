/**
 * The floors: the least work that an honest answer takes, done in the plainest way, on a ready list of paths.
 * @module
 */

import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs';

const BUFFER_BYTES = 256 * 1024;
const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);

/** The floor of a beat: one `lstatSync` a path. */
export function statAll(places: readonly (string | Buffer)[]): void {
  for (const at of places) lstatSync(at);
}

/** The floor of a cold build: open, fstat, read into one buffer, close. Nothing is hashed. */
export function readAll(files: readonly (string | Buffer)[]): void {
  for (const file of files) {
    const fd = openSync(file, constants.O_RDONLY);
    const { size } = fstatSync(fd);
    for (let done = 0; done < size; ) {
      const length = readSync(fd, buffer, 0, BUFFER_BYTES, done);
      if (length === 0) break;
      done += length;
    }
    closeSync(fd);
  }
}
