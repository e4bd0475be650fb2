/**
 * The floors: the least work that an honest answer takes, done in the straightest way: over a ready list of files, without
 * listing, sorting, folding or policy, and with one reused buffer.
 */

import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import xxhash from 'xxhash-wasm';

const wasm = await xxhash();
const BUFFER_BYTES = 256 * 1024;
const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);

/**
 * Of a cold build: open, fstat, read, fstat, close, and XXH64 of the bytes.
 * @returns all digests XORed, so that nothing can be optimised away and the caller can check that the work was done
 */
export function readAndHash(files: readonly string[]): bigint {
  let digests = 0n;
  for (const file of files) {
    const fd = openSync(file, constants.O_RDONLY);
    const { size } = fstatSync(fd);
    if (size <= BUFFER_BYTES) {
      const length = readSync(fd, buffer, 0, size, 0);
      digests ^= wasm.h64Raw(buffer.subarray(0, length));
    } else {
      const hash = wasm.create64();
      for (let done = 0; done < size; ) {
        const length = readSync(fd, buffer, 0, BUFFER_BYTES, done);
        if (length === 0) break;
        hash.update(buffer.subarray(0, length));
        done += length;
      }
      digests ^= hash.digest();
    }
    fstatSync(fd);
    closeSync(fd);
  }
  return digests;
}

/**
 * The same where no list is ready, which is how a program finds a tree, and its peers but for `xxhsum` with a list do: it is made first.
 * Of the tree of a package at `root`: all but its `package.json`.
 */
export function listReadAndHash(root: string): bigint {
  const files: string[] = [];
  const list = (directory: string) => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isDirectory()) list(`${directory}/${entry.name}`);
      else files.push(`${directory}/${entry.name}`);
    }
  };
  list(root);
  const packageJson = join(root, 'package.json');
  return readAndHash(files.filter((file) => file !== packageJson));
}

/** Of a beat: one `lstatSync` a file. */
export function statAll(files: readonly string[]): void {
  for (const file of files) lstatSync(file);
}
