/**
 * One pass over a subject: disk -> list -> hash. A pass keeps what the file system said of each file and directory,
 * which makes it the stat cache of the next pass: that one reads only what moved.
 * @module
 */

import type { Stats } from 'node:fs';
import { type ListedDirectory, parentOf } from '../disk/directory.ts';
import { isStillSpecial, type Listing, list, relistSame } from '../disk/list.ts';
import { writePath } from '../disk/raw-path.ts';
import { type Reading, readFile, readSmallFile, vanished } from '../disk/read-file.ts';
import { type KnownId, STATS_A_PAUSE, sameId, statOrNothing } from '../disk/stat.ts';
import { DistprintError, isDistprintError, unreadable } from '../errors.ts';
import { PAUSE, type Work } from '../steps.ts';
import { getId, isRacyRow, NUMBERS_EACH, type Readings, sameAsRow, setId } from './readings.ts';
import { type CoverageOptions, coversTheSame, locate, resolveSubject, type Subject } from './subject.ts';

export interface Scan {
  readonly subject: Subject;
  readonly listing: Listing;
  /** Of `listing.paths`, in their order, without the specials. */
  readonly readings: Readings;
  /** Those rows of `readings` that this pass read, and not one before it. */
  readonly fresh: readonly number[];
}

/** What a pass cost. */
export interface ScanCost {
  filesRead: number;
  directoriesRead: number;
}

/** How often a pass starts again when a file or directory vanishes under it. */
const ATTEMPTS = 3;
/** Files read between two pauses: less than a millisecond, even where all are of the largest size that is read in one go. */
const FILES_A_PAUSE = 4;
const EXECUTABLE_LISTING: Listing = {
  paths: ['.'],
  arePlain: false, // its path is no place below its root
  specials: new Map(),
  directories: new Map(),
  absent: new Set(),
};

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
        const fresh: number[] = [];
        const readings = yield* readMoved(previous, fresh, cost);
        const same = held.listing === previous.listing && readings === previous.readings;
        return same ? previous : { subject: previous.subject, listing: held.listing, readings, fresh };
      }
      const subject = resolveSubject(path, options);
      const known = previous !== null && sameGlobs(previous.subject, subject) ? held?.unmoved : undefined;
      const listing: Listing =
        subject.globs === null
          ? EXECUTABLE_LISTING
          : yield* list(subject.root, subject.globs, known ?? new Map(), cost);
      if (!coversTheSame(subject)) throw distMoved(path);
      const fresh: number[] = [];
      const readings = yield* readListing(subject, listing, previous?.readings, fresh, cost);
      return { subject, listing, readings, fresh };
    } catch (error) {
      if (attempt === ATTEMPTS || !isDistprintError(error, 'ERR_DISTPRINT_UNSTABLE')) throw error;
    }
  }
}

/**
 * Whether a pass would find the same again: what it read has not moved since, and no directory has. The rest it found
 * unmoved since an earlier pass; should it move from now on, the next pass will tell.
 */
export function* holdsStill(pass: Scan): Work<boolean> {
  const { subject, listing, readings, fresh } = pass;
  if (!coversTheSame(subject)) return false;
  if (subject.packageJson !== null && !isSame(statOrNothing(locate(subject, 'package.json')), subject.packageJson))
    return false;
  let count = 0;
  for (const { at, id } of listing.directories.values()) {
    if (++count % STATS_A_PAUSE === 0) yield PAUSE;
    if (!isSame(statOrNothing(at), id)) return false;
  }
  for (const row of fresh) {
    if (++count % STATS_A_PAUSE === 0) yield PAUSE;
    const stats = statOrNothing(placeOf(pass, row));
    if (stats === undefined || !sameAsRow(readings.ids, row, stats)) return false;
  }
  return true;
}

function distMoved(path: string): DistprintError {
  const message = `${path}/dist came or went while the package was listed: try again when whatever builds it is done`;
  return new DistprintError('ERR_DISTPRINT_UNSTABLE', message, { path });
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
  const { packageJson } = subject;
  let holds = packageJson === null || isUnmoved(statOrNothing(locate(subject, 'package.json')), packageJson);
  holds &&= coversTheSame(subject); // a `dist` may have come after its absence had decided that everything counts
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

/** `locate` of a path that was listed, of which there are thousands. */
const locateListed = (subject: Subject, { arePlain }: Listing, raw: string) =>
  arePlain ? `${subject.root}/${raw}` : locate(subject, raw);

function placeOf({ subject, listing, readings: { paths, places } }: Scan, row: number): string | Buffer {
  places[row] ??= locateListed(subject, listing, paths[row] as string);
  return places[row];
}

/** Whether a stat found it as it was. What can't be examined counts as moved: reading it will say what is wrong. */
const isSame = (stats: Stats | undefined, known: KnownId) => stats !== undefined && sameId(stats, known);

/** Whether it need not be read again. */
const isUnmoved = (stats: Stats | undefined, known: KnownId) => !known.racy && isSame(stats, known);

/** The same of a file. */
const isUnmovedRow = (stats: Stats | undefined, ids: Float64Array, row: number) =>
  stats !== undefined && !isRacyRow(ids, row) && sameAsRow(ids, row, stats);

function* readListing(
  subject: Subject,
  listing: Listing,
  before: Readings | undefined,
  fresh: number[],
  cost: ScanCost,
): Work<Readings> {
  const { paths: listed, specials } = listing;
  const paths = specials.size === 0 ? listed : listed.filter((path) => !specials.has(path));
  const known = before && new Map(before.paths.map((path, row) => [path, row]));
  const digests: string[] = [];
  const ids = new Float64Array(paths.length * NUMBERS_EACH);
  for (const path of paths) {
    const row = digests.length;
    if (row % FILES_A_PAUSE === 0) yield PAUSE;
    const at = locateListed(subject, listing, path);
    const rowBefore = known?.get(path);
    const stats = rowBefore === undefined ? undefined : statOrNothing(at);
    if (before !== undefined && rowBefore !== undefined && isUnmovedRow(stats, before.ids, rowBefore)) {
      digests.push(before.digests[rowBefore] as string);
      setId(ids, row, getId(before.ids, rowBefore));
      continue;
    }
    const reading = readSmall(at, stats, cost) ?? (yield* readFile(at, show(at)));
    digests.push(reading.digest);
    setId(ids, row, reading);
    fresh.push(row);
  }
  return { paths, places: new Array(paths.length), digests, ids };
}

/** The hot path of a heartbeat: one stat per file, and nothing else where nothing moved. Then `before` itself is returned. */
function* readMoved(pass: Scan, fresh: number[], cost: ScanCost): Work<Readings> {
  const before = pass.readings;
  const { paths, ids } = before;
  let renewed: { digests: string[]; ids: Float64Array } | undefined;
  for (let row = 0; row < paths.length; row++) {
    if (row % STATS_A_PAUSE === 0) yield PAUSE;
    const at = placeOf(pass, row);
    const stats = statOrNothing(at);
    if (isUnmovedRow(stats, ids, row)) continue;
    renewed ??= { digests: [...before.digests], ids: ids.slice() };
    const reading = readSmall(at, stats, cost) ?? (yield* readFile(at, show(at)));
    renewed.digests[row] = reading.digest;
    setId(renewed.ids, row, reading);
    if (fresh.push(row) % FILES_A_PAUSE === 0) yield PAUSE;
  }
  return renewed === undefined ? before : { ...before, ...renewed };
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
