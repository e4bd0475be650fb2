/**
 * Lists what a subject consists of, with `fast-glob`, in the order of the paths' bytes.
 *
 * What can't be read is listed as *special* (disk.ts says what that is).
 * @module
 */
import { lstatSync } from 'node:fs';
import { createDisk, fromShown, VIRTUAL_ROOT } from './disk.ts';
import { loadFastGlob } from './on-demand.ts';
import { toFsPath } from './raw-path.ts';
import { perform } from './steps.ts';
/**
 * @param root the root's raw path, absolute
 * @param known directories that need not be read again
 * @throws ERR_DISTPRINT_UNREADABLE, ERR_DISTPRINT_UNSTABLE (a directory went away meanwhile), ERR_DISTPRINT_TOO_MANY_FILES
 */
export function* list(root, globs, known, cost) {
  const disk = createDisk(root, globs, known, cost);
  const options = {
    cwd: VIRTUAL_ROOT,
    fs: disk.adapter,
    ignore: [...globs.ignore],
    dot: true,
    followSymbolicLinks: false,
    unique: false,
    concurrency: 1,
  };
  const patterns = [...globs.patterns];
  const fg = loadFastGlob();
  const found = yield* perform({ sync: () => fg.sync(patterns, options), async: () => fg(patterns, options) });
  // Sorting in one go is cheap beside all else: fast-glob's order is nearly sorted, and the engine's sort uses that.
  const paths = found.map(fromShown).sort();
  return {
    paths: globs.patterns.length === 1 ? paths : paths.filter((path, i) => path !== paths[i - 1]),
    specials: disk.specials,
    directories: disk.directories,
    absent: disk.absent,
  };
}
/**
 * Whether a listing still holds, though one of its directories moved: `directory` has the entries that it had.
 * Returns the directory as it is now, or undefined where its entries are others.
 * @throws ERR_DISTPRINT_UNREADABLE, ERR_DISTPRINT_UNSTABLE
 */
export function relistSame(root, globs, directory, listing, cost) {
  const disk = createDisk(root, globs, new Map(), cost);
  const now = disk.readFromDisk(directory);
  const before = listing.directories.get(directory);
  if (now === undefined || before === undefined || now.entries().length !== before.entries().length) return undefined;
  const kinds = new Map(before.entries().map((entry) => [entry.name, entry.isDirectory()]));
  for (const entry of now.entries()) if (kinds.get(entry.name) !== entry.isDirectory()) return undefined;
  if (!sameSpecials(now.specials, before.specials)) return undefined;
  return now;
}
/** Whether what was listed as special is still the same. */
export function isStillSpecial(root, path, special) {
  const disk = createDisk(root, { never: [], notAtRoot: null }, new Map(), { directoriesRead: 0 });
  try {
    return sameSpecial(special, disk.whatIs(path, lstatSync(toFsPath(`${root}/${path}`))));
  } catch {
    return false;
  }
}
export function sameSpecials(a, b) {
  return a.size === b.size && [...a].every(([path, special]) => sameSpecial(special, b.get(path)));
}
function sameSpecial(a, b) {
  return typeof b === 'object' && a.kind === b.kind && (!('link' in a) || ('link' in b && a.link === b.link));
}
