/**
 * One pass over a subject: disk -> list -> hash. A pass keeps what the file system said of each file and directory,
 * which makes it the stat cache of the next pass: that one reads only what moved.
 * @module
 */
import { parentOf } from './disk.ts';
import { isDistprintError, unreadable } from './errors.ts';
import { sameId } from './file-id.ts';
import { isStillSpecial, list, relistSame } from './list.ts';
import { writePath } from './raw-path.ts';
import { readFile, readSmallFile, vanished } from './read-file.ts';
import { statOrNothing } from './stat.ts';
import { PAUSE } from './steps.ts';
import { locate, resolveSubject } from './subject.ts';

/** How often a pass starts again when a file or directory vanishes under it. */
const ATTEMPTS = 3;
/** Stats between two pauses: some 40 microseconds. */
const STATS_A_PAUSE = 16;
/** Files read between two pauses: less than a millisecond, even where all are of the largest size that is read in one go. */
const FILES_A_PAUSE = 4;
const EXECUTABLE_LISTING = { paths: ['.'], specials: new Map(), directories: new Map(), absent: new Set() };
/**
 * @param path absolute
 * @param previous the pass before, whose readings hold for what has not moved since. Where nothing has, it is returned itself.
 * @param cost is added to
 * @throws what `resolveSubject`, `list` and `readFile` throw; ERR_DISTPRINT_UNSTABLE where things kept vanishing
 */
export function* scan(path, options, previous, cost) {
  for (let attempt = 1; ; attempt++) {
    try {
      // A second attempt finds and lists everything anew: what the first one knew was older than what made it fail.
      const held = attempt === 1 && previous !== null ? yield* checkListing(previous, cost) : undefined;
      if (previous !== null && held?.listing !== undefined) {
        const fresh = [];
        const files = yield* readMoved(previous.files, fresh, cost);
        const same = held.listing === previous.listing && files === previous.files;
        return same ? previous : { subject: previous.subject, listing: held.listing, files, fresh };
      }
      const subject = resolveSubject(path, options);
      const known = previous !== null && sameGlobs(previous.subject, subject) ? held?.unmoved : undefined;
      const listing =
        subject.globs === null
          ? EXECUTABLE_LISTING
          : yield* list(subject.root, subject.globs, known ?? new Map(), cost);
      const fresh = [];
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
export function* holdsStill({ subject, listing, fresh }) {
  if (subject.packageJson !== null && !isSame(locate(subject, 'package.json'), subject.packageJson)) return false;
  let count = 0;
  for (const { at, id } of listing.directories.values()) {
    if (++count % STATS_A_PAUSE === 0) yield PAUSE;
    if (!isSame(at, id)) return false;
  }
  for (const { at, reading } of fresh) {
    if (++count % STATS_A_PAUSE === 0) yield PAUSE;
    if (!isSame(at, reading)) return false;
  }
  return true;
}
function sameGlobs(a, b) {
  return JSON.stringify(a.globs) === JSON.stringify(b.globs);
}
function* checkListing({ subject, listing }, cost) {
  const unmoved = new Map();
  let holds = subject.packageJson === null || isUnmoved(locate(subject, 'package.json'), subject.packageJson);
  let renewed = false;
  let count = 0;
  for (const [raw, directory] of listing.directories) {
    if (++count % STATS_A_PAUSE === 0) yield PAUSE;
    const stats = statOrNothing(directory.at);
    if (stats !== undefined && !directory.id.racy && sameId(stats, directory.id)) {
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
/** Whether a stat finds it as it was. What can't be examined counts as moved: reading it will say what is wrong. */
function isSame(at, known) {
  const stats = statOrNothing(at);
  return stats !== undefined && sameId(stats, known);
}
/** Whether it need not be read again. */
const isUnmoved = (at, known) => !known.racy && isSame(at, known);
function* readListing(subject, listing, before, fresh, cost) {
  const { paths, specials } = listing;
  const known = before.length > 0 ? new Map(before.map((file) => [file.path, file])) : undefined;
  const files = [];
  let count = 0;
  for (const path of paths) {
    if (specials.size > 0 && specials.has(path)) continue;
    if (++count % FILES_A_PAUSE === 0) yield PAUSE;
    const file = known?.get(path);
    if (file !== undefined && isUnmoved(file.at, file.reading)) {
      files.push(file);
      continue;
    }
    const at = locate(subject, path);
    const read = { path, at, reading: readSmall(at, cost) ?? (yield* readFile(at, show(at))) };
    files.push(read);
    fresh.push(read);
  }
  return files;
}
/** The hot path of a heartbeat: one stat per file, and nothing else where nothing moved. Then the array itself is returned. */
function* readMoved(files, fresh, cost) {
  let renewed;
  for (let i = 0; i < files.length; i++) {
    if (i % STATS_A_PAUSE === 0) yield PAUSE;
    const { path, at, reading } = files[i];
    if (isUnmoved(at, reading)) continue;
    yield PAUSE;
    renewed ??= files.slice();
    const read = { path, at, reading: readSmall(at, cost) ?? (yield* readFile(at, show(at))) };
    renewed[i] = read;
    fresh.push(read);
  }
  return renewed ?? files;
}
/** Nearly every file is small, and is read without the detour over a generator; undefined where it must go that way. */
function readSmall(at, cost) {
  cost.filesRead++;
  try {
    return readSmallFile(at);
  } catch (error) {
    throw vanished(error, show(at)) ?? unreadable(error, show(at));
  }
}
const show = (at) => (typeof at === 'string' ? at : writePath(at.toString('latin1')));
