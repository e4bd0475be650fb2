/**
 * One pass over a subject: disk -> list -> hash. A pass keeps what the file system said of each file and directory,
 * which makes it the stat cache of the next pass: that one reads only what moved.
 * @module
 */

import type { Stats } from 'node:fs';
import { type ListedDirectory, parentOf } from './disk.ts';
import { isDistprintError, unreadable } from './errors.ts';
import { type KnownId, sameId } from './file-id.ts';
import { isStillSpecial, type Listing, list, relistSame } from './list.ts';
import { writePath } from './raw-path.ts';
import { type Reading, readFile, readSmallFile, vanished } from './read-file.ts';
import { statOrNothing } from './stat.ts';
import { PAUSE, type Work } from './steps.ts';
import { type CoverageOptions, locate, resolveSubject, type Subject } from './subject.ts';

/** A file, and how it was when it was read. */
export interface ScannedFile {
  /** Raw path, relative to the root. */
  readonly path: string;
  /** What `node:fs` takes for it. */
  readonly at: string | Buffer;
  readonly reading: Reading;
}

export interface Scan {
  readonly subject: Subject;
  readonly listing: Listing;
  /** In the order of `listing.paths`, without the specials. */
  readonly files: readonly ScannedFile[];
  /** Those of `files` that this pass read, and not one before it. */
  readonly fresh: readonly ScannedFile[];
}

/** What a pass cost. */
export interface ScanCost {
  filesRead: number;
  directoriesRead: number;
}

/** How often a pass starts again when a file or directory vanishes under it. */
const ATTEMPTS = 3;
/** Stats between two pauses: some 40 microseconds. */
const STATS_A_PAUSE = 16;
/** Files read between two pauses: less than a millisecond, even where all are of the largest size that is read in one go. */
const FILES_A_PAUSE = 4;
const EXECUTABLE_LISTING: Listing = { paths: ['.'], specials: new Map(), directories: new Map(), absent: new Set() };

/**
 * @param path absolute
 * @param previous the pass before, whose readings hold for what has not moved since. Where nothing has, it is returned itself.
 * @param cost is added to
 * @throws what `resolveSubject`, `list` and `readFile` throw; ERR_DISTPRINT_UNSTABLE where things kept vanishing
 */
export function* scan(path: string, options: CoverageOptions, previous: Scan | null, cost: ScanCost): Work<Scan> {
  for (let attempt = 1; ; attempt++) {
    try {
      // A second attempt finds and lists everything anew: what the first one knew was older than what made it fail.
      const held = attempt === 1 && previous !== null ? yield* checkListing(previous, cost) : undefined;
      if (previous !== null && held?.listing !== undefined) {
        const fresh: ScannedFile[] = [];
        const files = yield* readMoved(previous.files, fresh, cost);
        const same = held.listing === previous.listing && files === previous.files;
        return same ? previous : { subject: previous.subject, listing: held.listing, files, fresh };
      }
      const subject = resolveSubject(path, options);
      const known = previous !== null && sameGlobs(previous.subject, subject) ? held?.unmoved : undefined;
      const listing: Listing =
        subject.globs === null
          ? EXECUTABLE_LISTING
          : yield* list(subject.root, subject.globs, known ?? new Map(), cost);
      const fresh: ScannedFile[] = [];
      const files = yield* readListing(subject, listing, previous?.files ?? [], fresh, cost);
      return { subject, listing, files, fresh };
    } catch (error) {
      if (attempt === ATTEMPTS || !isDistprintError(error, 'ERR_DISTPRINT_UNSTABLE')) throw error;
    }
  }
}

/**
 * Whether a pass would find the same again: what it read has not moved since, and no directory has. The rest it found
 * unmoved since an earlier pass; should it move from now on, the next pass will tell.
 */
export function* holdsStill({ subject, listing, fresh }: Scan): Work<boolean> {
  if (subject.packageJson !== null && !isSame(statOrNothing(locate(subject, 'package.json')), subject.packageJson))
    return false;
  let count = 0;
  for (const { at, id } of listing.directories.values()) {
    if (++count % STATS_A_PAUSE === 0) yield PAUSE;
    if (!isSame(statOrNothing(at), id)) return false;
  }
  for (const { at, reading } of fresh) {
    if (++count % STATS_A_PAUSE === 0) yield PAUSE;
    if (!isSame(statOrNothing(at), reading)) return false;
  }
  return true;
}

function sameGlobs(a: Subject, b: Subject): boolean {
  return JSON.stringify(a.globs) === JSON.stringify(b.globs);
}

interface HeldListing {
  /** The listing, where all of it still holds. */
  readonly listing?: Listing;
  /** The directories that need not be read again. */
  readonly unmoved: ReadonlyMap<string, ListedDirectory>;
}

function* checkListing({ subject, listing }: Scan, cost: ScanCost): Work<HeldListing> {
  const unmoved = new Map<string, ListedDirectory>();
  let holds =
    subject.packageJson === null || isUnmoved(statOrNothing(locate(subject, 'package.json')), subject.packageJson);
  let renewed = false;
  let count = 0;
  for (const [raw, directory] of listing.directories) {
    if (++count % STATS_A_PAUSE === 0) yield PAUSE;
    const stats = statOrNothing(directory.at);
    if (isUnmoved(stats, directory.id)) {
      unmoved.set(raw, directory);
      continue;
    }
    // Another directory in its place: then a link on the way may lead elsewhere now, and what is known of links holds no more.
    if (stats?.ino !== directory.id.ino || stats.dev !== directory.id.dev) return { unmoved: new Map() };
    const same = subject.globs === null ? undefined : relistSame(subject.root, subject.globs, raw, listing, cost);
    if (same === undefined) holds = false;
    else unmoved.set(raw, same);
    renewed = true;
  }
  for (const raw of listing.absent) holds &&= statOrNothing(locate(subject, raw)) === undefined;
  for (const [raw, special] of listing.specials) {
    if (isStillSpecial(subject.root, raw, special)) continue;
    unmoved.delete(parentOf(raw)); // which has not moved itself, where the change is behind a link
    holds = false;
  }
  if (!holds) return { unmoved };
  return { unmoved, listing: renewed ? { ...listing, directories: unmoved } : listing };
}

/** Whether a stat found it as it was. What can't be examined counts as moved: reading it will say what is wrong. */
const isSame = (stats: Stats | undefined, known: KnownId) => stats !== undefined && sameId(stats, known);

/** Whether it need not be read again. */
const isUnmoved = (stats: Stats | undefined, known: KnownId) => !known.racy && isSame(stats, known);

function* readListing(
  subject: Subject,
  listing: Listing,
  before: readonly ScannedFile[],
  fresh: ScannedFile[],
  cost: ScanCost,
): Work<readonly ScannedFile[]> {
  const { paths, specials } = listing;
  const known = before.length > 0 ? new Map(before.map((file) => [file.path, file])) : undefined;
  const files: ScannedFile[] = [];
  let count = 0;
  for (const path of paths) {
    if (specials.size > 0 && specials.has(path)) continue;
    if (++count % FILES_A_PAUSE === 0) yield PAUSE;
    const file = known?.get(path);
    const stats = file === undefined ? undefined : statOrNothing(file.at);
    if (file !== undefined && isUnmoved(stats, file.reading)) {
      files.push(file);
      continue;
    }
    const at = locate(subject, path);
    const read = { path, at, reading: readSmall(at, stats, cost) ?? (yield* readFile(at, show(at))) };
    files.push(read);
    fresh.push(read);
  }
  return files;
}

/** The hot path of a heartbeat: one stat per file, and nothing else where nothing moved. Then the array itself is returned. */
function* readMoved(files: readonly ScannedFile[], fresh: ScannedFile[], cost: ScanCost): Work<readonly ScannedFile[]> {
  let renewed: ScannedFile[] | undefined;
  for (let i = 0; i < files.length; i++) {
    if (i % STATS_A_PAUSE === 0) yield PAUSE;
    const { path, at, reading } = files[i] as ScannedFile;
    const stats = statOrNothing(at);
    if (isUnmoved(stats, reading)) continue;
    renewed ??= files.slice();
    const read = { path, at, reading: readSmall(at, stats, cost) ?? (yield* readFile(at, show(at))) };
    renewed[i] = read;
    if (fresh.push(read) % FILES_A_PAUSE === 0) yield PAUSE;
  }
  return renewed ?? files;
}

/** Nearly every file is small, and is read without the detour over a generator; undefined where it must go that way. */
function readSmall(at: string | Buffer, looked: Stats | undefined, cost: ScanCost): Reading | undefined {
  cost.filesRead++;
  try {
    return readSmallFile(at, looked);
  } catch (error) {
    throw vanished(error, show(at)) ?? unreadable(error, show(at));
  }
}

const show = (at: string | Buffer) => (typeof at === 'string' ? at : writePath(at.toString('latin1')));
