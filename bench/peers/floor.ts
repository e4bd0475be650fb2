/**
 * The work floor: the least work of an honest cold build, done in the plainest way. The bare floors are the product's own (src/cli/bench/floor.ts).
 * It takes a ready list of files and reuses one buffer; it neither lists nor sorts nor folds.
 */

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import xxhash from 'xxhash-wasm';

const wasm = await xxhash();
const BUFFER_BYTES = 256 * 1024;
const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);

/**
 * The floor of a cold build: open, fstat, read, fstat, close, and XXH64 of the bytes.
 * @returns all digests XORed: the caller checks with it that the work was done
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
