/**
 * Readings in columns: compact to keep, and cheap to hand to another thread.
 * @module
 */

import type { FileId } from './file-id.ts';

/** A file or directory, and whether its timestamps were too young to vouch for it (see file-id.ts). */
export interface Known {
  readonly id: FileId;
  readonly racy: boolean;
}

/** dev, ino, size, mtimeMs, ctimeMs, racy (0 or 1) */
const NUMBERS_EACH = 6;
export const DIGEST_LENGTH = 16;

export function toNumbers(all: readonly Known[]): Float64Array {
  const numbers = new Float64Array(all.length * NUMBERS_EACH);
  let at = 0;
  for (const { id, racy } of all) {
    numbers[at++] = id.dev;
    numbers[at++] = id.ino;
    numbers[at++] = id.size;
    numbers[at++] = id.mtimeMs;
    numbers[at++] = id.ctimeMs;
    numbers[at++] = racy ? 1 : 0;
  }
  return numbers;
}

export function idAt(numbers: Float64Array, index: number): FileId {
  const at = index * NUMBERS_EACH;
  const [dev, ino, size] = [numbers[at] as number, numbers[at + 1] as number, numbers[at + 2] as number];
  return { dev, ino, size, mtimeMs: numbers[at + 3] as number, ctimeMs: numbers[at + 4] as number };
}

export const isRacyAt = (numbers: Float64Array, index: number) => numbers[index * NUMBERS_EACH + 5] !== 0;

export const digestAt = (digests: string, index: number) =>
  digests.slice(index * DIGEST_LENGTH, (index + 1) * DIGEST_LENGTH);
