/**
 * What the file system says of a file without its content being read, and when that may be trusted.
 *
 * The rule is that of git's index (Documentation/technical/racy-git.txt) and of Go's build cache
 * (cmd/go/internal/cache, modTimeCutoff): same device, inode, size, mtime and ctime means same content,
 * unless the timestamp is so young that the file may have been written once more within the same tick of the clock.
 * @module
 */

import { lstatSync, type Stats, statSync } from 'node:fs';

const OPTIONS = { throwIfNoEntry: false } as const;

/** Stats between two pauses of sliced work (steps.ts): some 0.2 ms, beside which a pause costs nothing. */
export const STATS_A_PAUSE = 64;

/** What the path leads to; undefined where that is nothing, or can't be examined (a loop of links, no permission). */
export function statOrNothing(at: string | Buffer): Stats | undefined {
  try {
    return statSync(at, OPTIONS);
  } catch {
    return undefined;
  }
}

/** What lies at the path itself, a link perhaps; undefined likewise. */
export function lstatOrNothing(at: string | Buffer): Stats | undefined {
  try {
    return lstatSync(at, OPTIONS);
  } catch {
    return undefined;
  }
}

/** `fs.Stats` is one. Times are milliseconds with their fraction: as a double, exact to 1/4096 ms (244 ns). */
export interface FileId {
  readonly dev: number;
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

export function sameId(a: FileId, b: FileId): boolean {
  return a.ctimeMs === b.ctimeMs && a.mtimeMs === b.mtimeMs && a.size === b.size && a.ino === b.ino && a.dev === b.dev;
}

/** The coarsest timestamps of a file system in use are FAT's, of 2 s. */
export const RACY_MS = 2_000;

/** How a file or directory was when it was read. */
export interface KnownId extends FileId {
  /** True where the file is too young to be known by its timestamps alone. */
  readonly racy: boolean;
}

/**
 * Whether a reading begun at `wallMs` (Date.now()) may have missed a later write that left the same timestamps behind.
 * ctime alone decides: every write moves it, and nobody can set it back, which `touch -r` does with mtime.
 * A ctime in the future (the clock was set back) is racy until the clock has caught up.
 */
export function isRacy(ctimeMs: number, wallMs: number): boolean {
  return !(ctimeMs < wallMs - RACY_MS);
}

/** A plain copy, so that no `Stats` object with its dates is kept. */
export function toKnownId({ dev, ino, size, mtimeMs, ctimeMs }: FileId, wallMs: number): KnownId {
  return { dev, ino, size, mtimeMs, ctimeMs, racy: isRacy(ctimeMs, wallMs) };
}
