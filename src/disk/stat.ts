/**
 * What the file system says of a file without its content being read, and when that may be trusted.
 *
 * The rule is that of git's index (Documentation/technical/racy-git.txt) and of Go's build cache (cmd/go/internal/cache, modTimeCutoff):
 * same device, inode, size, mtime and ctime means same content. A file is *racily clean*, and is read again, if its ctime is so young
 * that it may be written once more within the same tick of the clock, or if it has none: FAT and exFAT keep no time of change.
 * @module
 */

import { type BigIntStats, fstatSync, lstatSync, type Stats, statfsSync, statSync } from 'node:fs';

const OPTIONS = { throwIfNoEntry: false } as const;
const BIGINT = { bigint: true } as const;

/** Stats between two pauses of sliced work (steps.ts): some 0.2 ms, beside which a pause costs nothing. */
export const STATS_A_PAUSE = 64;

/** What the path leads to. Undefined if that is nothing, or can't be examined (a loop of links, no permission). */
export function statOrNothing(at: string | Buffer): Stats | undefined {
  try {
    const stats = statSync(at, OPTIONS);
    return stats && withWholeInode(stats, () => statSync(at, BIGINT));
  } catch {
    return undefined;
  }
}

/** What lies at the path itself, perhaps a link. Undefined likewise. */
export function lstatOrNothing(at: string | Buffer): Stats | undefined {
  try {
    return lstatSync(at, OPTIONS);
  } catch {
    return undefined;
  }
}

/**
 * What the path leads to.
 * @throws the operating system's errors as they are
 */
export const statOrThrow = (at: string | Buffer): Stats => withWholeInode(statSync(at), () => statSync(at, BIGINT));

/**
 * What an open file is.
 * @throws the operating system's errors as they are
 */
export const statOpen = (fd: number): Stats => withWholeInode(fstatSync(fd), () => fstatSync(fd, BIGINT));

/** The largest prime below 2^53. */
const INODE_MODULUS = 9_007_199_254_740_881n;

/**
 * A double holds 53 bits. overlayfs (`xino=on`) and NTFS use all 64, so two of their inodes may become one number. Such an inode is
 * read again as a bigint, and its remainder takes its place.
 */
function withWholeInode(stats: Stats, statBigInt: () => BigIntStats): Stats {
  if (!Number.isSafeInteger(stats.ino)) stats.ino = Number(BigInt.asUintN(64, statBigInt().ino) % INODE_MODULUS);
  return stats;
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

/**
 * The latest moment that a time of change may stand for, both in milliseconds. HFS+, ext3 and NFSv2 keep whole seconds, FAT even ones:
 * there a change is stamped with the moment at which its tick began.
 */
export const latestOf = (ctimeMs: number): number => (ctimeMs % 1_000 === 0 ? ctimeMs + RACY_MS : ctimeMs);

/** How a file or directory was when it was read. */
export interface KnownId extends FileId {
  /** Whether the stats alone can't tell that it is still the same. */
  readonly racy: boolean;
}

/**
 * Whether a file whose stats stay the same may have other content later.
 * @param wallMs when the read began, in milliseconds of `Date.now()`
 * @param at where the file lies
 */
export function isRacy({ dev, ino, ctimeMs }: FileId, wallMs: number, at: string | Buffer): boolean {
  // ctime alone decides: every write moves it, and nobody can set it back, which `touch -r` does with mtime.
  // A ctime in the future (the clock was set back) is racy until the clock has caught up.
  const isYoung = !(ctimeMs < wallMs - RACY_MS);
  return isYoung || !(ctimeMs > 0) || ino === 0 || isUntold(dev, at);
}

/** A plain copy, so that no `Stats` object with its dates is kept. */
export function toKnownId(stats: FileId, wallMs: number, at: string | Buffer): KnownId {
  const { dev, ino, size, mtimeMs, ctimeMs } = stats;
  return { dev, ino, size, mtimeMs, ctimeMs, racy: isRacy(stats, wallMs, at) };
}

/**
 * File systems that are made once, as an image: squashfs, erofs, iso9660, cramfs, romfs (linux/magic.h). Another image may be mounted in
 * the place of one, and a reproducible build gives both the same inodes, sizes and times.
 */
const IMAGES = [0x7371_7368, 0xe0f5_e1e2, 0x9660, 0x28cd_3d45, 0x7275];
/** FAT and exFAT (the same). Linux shows their mtime as the ctime too, and `touch -r` sets both back. */
const WITHOUT_CTIME = [0x4d44, 0x2011_bab0];
const UNTOLD = [...IMAGES, ...WITHOUT_CTIME];

/** A device's number may go to another file system when it is unmounted. So the answer is kept for this long. */
const KNOWN_MS = 1_000;
const devices = new Map<number, { isUntold: boolean; untilMs: number }>();

/** Whether it lies on a file system whose stats may be those of other content. */
function isUntold(dev: number, at: string | Buffer): boolean {
  const nowMs = performance.now();
  const known = devices.get(dev);
  if (known !== undefined && nowMs < known.untilMs) return known.isUntold;
  let isUntold = false;
  try {
    // The top half of a number above 2^31 is all ones on some platforms.
    isUntold = UNTOLD.includes(statfsSync(at).type >>> 0);
  } catch {
    // Gone, or a runtime that can't tell.
  }
  devices.set(dev, { isUntold, untilMs: nowMs + KNOWN_MS });
  return isUntold;
}
