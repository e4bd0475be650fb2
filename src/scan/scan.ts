/**
 * One pass over a subject: disk -> list -> hash. A pass keeps what the file system said of each file and directory. That makes it the
 * stat cache of the next pass, which reads only what moved.
 * @module
 */

import type { Stats } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type ListedDirectory, parentOf } from '../disk/directory.ts';
import { isStillSpecial, type Listing, list, relistSame, sameSpecials } from '../disk/list.ts';
import { progress, resetProgress } from '../disk/progress.ts';
import { locate, showPlace } from '../disk/raw-path.ts';
import { type Reading, readFile, readSmallFile, vanished } from '../disk/read-file.ts';
import { type KnownId, STATS_A_PAUSE, sameId, statOrNothing } from '../disk/stat.ts';
import { DistprintError, isDistprintError, unreadable } from '../errors.ts';
import { mayBeHeld } from '../platform/paths.ts';
import { PAUSE, perform, type Work, wait } from '../steps.ts';
import { type CoverageOptions, isSameList } from './coverage.ts';
import { IdTable } from './id-table.ts';
import { coversTheSame, resolveSubject, type Subject } from './subject.ts';

export interface Scan extends Readings {
  readonly subject: Subject;
  readonly listing: Listing;
}

/** A row is a file of `listing.files`. */
interface Readings {
  /** Of each one's content. */
  readonly digests: readonly string[];
  /** How each one was when it was read. */
  readonly ids: IdTable;
  /** The rows that were read in this pass, and not taken from one before it. */
  readonly fresh: readonly number[];
}

/** What a pass read. */
export interface ScanCost {
  readonly filesRead: number;
  readonly directoriesRead: number;
}

/** How often a pass starts again when a file or directory vanishes under it, or is held by another program. */
const ATTEMPTS = 3;
/** Milliseconds from one attempt to the next, where something is held. */
const HELD_WAIT_MS = 100;
/** Files read between two pauses: less than a millisecond, even if all are of the largest size that is read in one go. */
const FILES_A_PAUSE = 4;

/**
 * @param path absolute
 * @param previous the pass before. What it knows of a file holds if the file has not moved since. If nothing has moved, it is returned itself.
 * @throws what `resolveSubject`, `list` and `readFile` throw; ERR_DISTPRINT_UNSTABLE if things kept vanishing
 */
export function* scan(
  path: string,
  options: CoverageOptions,
  previous: Scan | null,
): Work<ScanCost & { readonly pass: Scan }> {
  for (let attempt = 1; ; attempt++) {
    try {
      if (attempt > 1 || previous === null) return yield* scanAnew(path, options, previous, NOTHING_HELD);
      const held = yield* checkListing(previous);
      if (held.listing === undefined) return yield* scanAnew(path, options, previous, held);
      const readings = yield* readMoved(previous);
      const isSame = held.listing === previous.listing && readings === undefined;
      const pass = isSame ? previous : { ...previous, listing: held.listing, fresh: [], ...readings };
      return { pass, filesRead: readings?.fresh.length ?? 0, directoriesRead: held.directoriesRead };
    } catch (error) {
      const isHeld = mayBeHeld(error);
      if (attempt === ATTEMPTS || !(isHeld || isDistprintError(error, 'ERR_DISTPRINT_UNSTABLE'))) throw error;
      if (isHeld) yield* perform(wait(HELD_WAIT_MS));
    }
  }
}

/** Finds and lists everything anew. */
function* scanAnew(
  path: string,
  options: CoverageOptions,
  previous: Scan | null,
  held: HeldListing,
): Work<ScanCost & { readonly pass: Scan }> {
  const subject = resolveSubject(path, options);
  const { root, globs } = subject;
  const isListedAlike = previous !== null && isDeepStrictEqual(previous.subject.globs, globs);
  const { listing, directoriesRead } =
    globs === null ? listExecutable(root) : yield* list(root, globs, isListedAlike ? held.unmoved : new Map());
  if (!coversTheSame(subject)) {
    const message = `${join(path, 'dist')} came or went while the package was listed: try again when whatever builds it is done`;
    throw new DistprintError('ERR_DISTPRINT_UNSTABLE', message, { path });
  }
  const readings = yield* readListing(listing, previous);
  return {
    pass: { subject, listing, ...readings },
    filesRead: readings.fresh.length,
    directoriesRead: held.directoriesRead + directoriesRead,
  };
}

function listExecutable(root: string): { listing: Listing; directoriesRead: number } {
  const nothing = { specials: new Map(), directories: new Map(), absent: new Set<string>() };
  return { listing: { files: ['.'], places: [locate(root, '')], ...nothing }, directoriesRead: 0 };
}

/** Whether two passes saw the same, down to the timestamps. */
export function isSamePass(a: Scan, b: Scan): boolean {
  if (a === b) return true;
  if (a.subject.version !== b.subject.version || !isSameListing(a.listing, b.listing)) return false;
  return isSameList(a.digests, b.digests) && a.ids.equals(b.ids);
}

function isSameListing(a: Listing, b: Listing): boolean {
  if (a === b) return true;
  if (!isSameList(a.files, b.files) || !sameSpecials(a.specials, b.specials)) return false;
  if (a.directories.size !== b.directories.size) return false;
  for (const [raw, { id }] of a.directories) {
    const other = b.directories.get(raw);
    if (other === undefined || !sameId(id, other.id)) return false;
  }
  return true;
}

/**
 * Whether a pass would find the same again: what it read has not moved since, and no directory has. Files taken from an earlier pass are
 * not rechecked here; the next pass does that.
 */
export function* holdsStill({ subject, listing, ids, fresh }: Scan): Work<boolean> {
  if (!coversTheSame(subject)) return false;
  const { root, packageJson } = subject;
  if (packageJson !== null && !isSame(statOrNothing(locate(root, 'package.json')), packageJson)) return false;
  let count = 0;
  for (const { at, id } of listing.directories.values()) {
    if (++count % STATS_A_PAUSE === 0) yield PAUSE;
    if (!isSame(statOrNothing(at), id)) return false;
  }
  for (const row of fresh) {
    if (++count % STATS_A_PAUSE === 0) yield PAUSE;
    const stats = statOrNothing(placeOf(listing, row));
    if (stats === undefined || !ids.isSame(row, stats)) return false;
  }
  return true;
}

interface HeldListing {
  /** The listing, if all of it still holds. */
  readonly listing?: Listing;
  /** The directories that need not be read again. */
  readonly unmoved: ReadonlyMap<string, ListedDirectory>;
  readonly directoriesRead: number;
}

const NOTHING_HELD: HeldListing = { unmoved: new Map(), directoriesRead: 0 };

/** Which part of a pass's listing still holds. */
function* checkListing({ subject, listing }: Scan): Work<HeldListing> {
  const { root, globs, packageJson } = subject;
  const unmoved = new Map<string, ListedDirectory>();
  let holds = packageJson === null || isUnmoved(statOrNothing(locate(root, 'package.json')), packageJson);
  // A `dist` may have come after its absence had decided that everything counts.
  holds &&= coversTheSame(subject);
  let directoriesRead = 0;
  let count = 0;
  for (const [raw, directory] of listing.directories) {
    if (++count % STATS_A_PAUSE === 0) yield PAUSE;
    const stats = statOrNothing(directory.at);
    if (isUnmoved(stats, directory.id)) {
      unmoved.set(raw, directory);
      continue;
    }
    // The inode changed, so a parent link may have moved: discard all cached listings.
    if (stats?.ino !== directory.id.ino || stats.dev !== directory.id.dev) return { ...NOTHING_HELD, directoriesRead };
    const now = globs === null ? undefined : relistSame(root, globs, raw, listing);
    directoriesRead++;
    if (now === undefined) holds = false;
    else unmoved.set(raw, now);
  }
  for (const raw of listing.absent) holds &&= statOrNothing(locate(root, raw)) === undefined;
  for (const [raw, special] of listing.specials) {
    if (isStillSpecial(root, raw, special)) continue;
    unmoved.delete(parentOf(raw)); // its directory has not moved if the change is behind a link
    holds = false;
  }
  if (!holds) return { unmoved, directoriesRead };
  return { listing: directoriesRead === 0 ? listing : { ...listing, directories: unmoved }, unmoved, directoriesRead };
}

const placeOf = (listing: Listing, row: number) => listing.places[row] as string | Buffer;

/** Whether a stat found it as it was. What can't be examined counts as moved: reading it will say what is wrong. */
const isSame = (stats: Stats | undefined, known: KnownId) => stats !== undefined && sameId(stats, known);

/** Whether it need not be read again. */
const isUnmoved = (stats: Stats | undefined, known: KnownId) => !known.racy && isSame(stats, known);

/** The same of a file. */
const isUnmovedRow = (stats: Stats | undefined, ids: IdTable, row: number) =>
  stats !== undefined && !ids.isRacy(row) && ids.isSame(row, stats);

/** Reads the files of a new listing, but those that `before` knows and that have not moved since. */
function* readListing(listing: Listing, before: Scan | null): Work<Readings> {
  const { files } = listing;
  const known = before && new Map(before.listing.files.map((path, row) => [path, row]));
  const digests: string[] = [];
  const ids = IdTable.ofLength(files.length);
  const fresh: number[] = [];
  resetProgress(files.length);
  for (let row = 0; row < files.length; row++) {
    progress.filesDone = row;
    if (row % FILES_A_PAUSE === 0) yield PAUSE;
    const at = placeOf(listing, row);
    const rowBefore = known?.get(files[row] as string);
    const stats = rowBefore === undefined ? undefined : statOrNothing(at);
    if (before !== null && rowBefore !== undefined && isUnmovedRow(stats, before.ids, rowBefore)) {
      digests.push(before.digests[rowBefore] as string);
      ids.set(row, before.ids.get(rowBefore));
      continue;
    }
    const reading = readSmall(at, stats) ?? (yield* readFile(at, showPlace(at)));
    digests.push(reading.digest);
    ids.set(row, reading);
    fresh.push(row);
    progress.bytesDone += reading.size;
  }
  progress.filesDone = files.length;
  return { digests, ids, fresh };
}

/** The hot path of a heartbeat: one stat a file, and nothing else if nothing moved. Then it returns undefined. */
function* readMoved({ listing, digests, ids }: Scan): Work<Readings | undefined> {
  let moved: { digests: string[]; ids: IdTable; fresh: number[] } | undefined;
  for (let row = 0; row < digests.length; row++) {
    if (row % STATS_A_PAUSE === 0) yield PAUSE;
    const at = placeOf(listing, row);
    const stats = statOrNothing(at);
    if (isUnmovedRow(stats, ids, row)) continue;
    moved ??= { digests: [...digests], ids: ids.copy(), fresh: [] };
    const reading = readSmall(at, stats) ?? (yield* readFile(at, showPlace(at)));
    moved.digests[row] = reading.digest;
    moved.ids.set(row, reading);
    moved.fresh.push(row);
    if (moved.fresh.length % FILES_A_PAUSE === 0) yield PAUSE;
  }
  return moved;
}

/** Nearly every file is small, and is read without the detour over a generator. Undefined if it must go that way. */
function readSmall(at: string | Buffer, looked: Stats | undefined): Reading | undefined {
  try {
    return readSmallFile(at, looked);
  } catch (error) {
    throw vanished(error, showPlace(at)) ?? unreadable(error, showPlace(at));
  }
}
