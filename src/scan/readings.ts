/**
 * How the files of a subject were when they were read, in columns: a row is a file.
 *
 * An object for each would be plainer, but thousands that live on cost the garbage collector dearly: a fresh process took a
 * quarter of its first answer to make them from a cache file.
 * @module
 */

import type { FileId, KnownId } from '../disk/stat.ts';

export interface Readings {
  /** Raw paths, relative to the root. */
  readonly paths: readonly string[];
  /** What `node:fs` takes for each, from the first time on that it is looked at again. */
  readonly places: (string | Buffer)[];
  /** Of each one's content. */
  readonly digests: readonly string[];
  /** What the file system said of each (`setId` has the order). */
  readonly ids: Float64Array;
}

export const NUMBERS_EACH = 6;

export function setId(ids: Float64Array, row: number, { dev, ino, size, mtimeMs, ctimeMs, racy }: KnownId): void {
  const start = row * NUMBERS_EACH;
  ids[start] = dev;
  ids[start + 1] = ino;
  ids[start + 2] = size;
  ids[start + 3] = mtimeMs;
  ids[start + 4] = ctimeMs;
  ids[start + 5] = racy ? 1 : 0;
}

export function getId(ids: Float64Array, row: number): KnownId {
  const start = row * NUMBERS_EACH;
  return {
    dev: ids[start] as number,
    ino: ids[start + 1] as number,
    size: ids[start + 2] as number,
    mtimeMs: ids[start + 3] as number,
    ctimeMs: ids[start + 4] as number,
    racy: ids[start + 5] === 1,
  };
}

/** `sameId` (stat.ts) of a row, without an object for it. */
export function sameAsRow(ids: Float64Array, row: number, { dev, ino, size, mtimeMs, ctimeMs }: FileId): boolean {
  const start = row * NUMBERS_EACH;
  return (
    ids[start + 4] === ctimeMs &&
    ids[start + 3] === mtimeMs &&
    ids[start + 2] === size &&
    ids[start + 1] === ino &&
    ids[start] === dev
  );
}

export const isRacyRow = (ids: Float64Array, row: number) => ids[row * NUMBERS_EACH + 5] === 1;
export const sizeOf = (ids: Float64Array, row: number) => ids[row * NUMBERS_EACH + 2] as number;

export const ctimeOf = (ids: Float64Array, row: number) => ids[row * NUMBERS_EACH + 4] as number;

/** The youngest ctime of all; 0 where there are no files. */
export function lastCtimeMs({ paths, ids }: Readings): number {
  let last = 0;
  for (let row = 0; row < paths.length; row++) last = Math.max(last, ctimeOf(ids, row));
  return last;
}

/** Whether two found the same, down to the timestamps, in these rows or in all. */
export function sameReadings(a: Readings, b: Readings, rows?: readonly number[]): boolean {
  if (a.paths.length !== b.paths.length) return false;
  const count = rows?.length ?? a.paths.length;
  for (let i = 0; i < count; i++) {
    const row = rows?.[i] ?? i;
    if (a.digests[row] !== b.digests[row] || a.paths[row] !== b.paths[row]) return false;
    if (!sameAsRow(a.ids, row, getId(b.ids, row))) return false;
  }
  return true;
}
