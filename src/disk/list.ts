/**
 * Lists what a subject consists of, with `fast-glob`, in the order of the paths' bytes.
 *
 * What can't be read is listed as *special* (disk.ts says what that is).
 * @module
 */

import { lstatSync } from 'node:fs';
import type fastGlob from 'fast-glob';
import { PAUSE, perform, type Work } from '../steps.ts';
import { createDisk, fromShown, type ListCost, type ListedDirectory, type Special, VIRTUAL_ROOT } from './directory.ts';
import { loadFastGlob } from './on-demand.ts';
import { isPlain, toFsPath } from './raw-path.ts';

/** What to list. Patterns are raw globs, relative to the root. */
export interface Globs {
  readonly patterns: readonly string[];
  readonly ignore: readonly string[];
  /** Names that are passed over wherever they stand, with all below them. */
  readonly never: readonly string[];
  /** A name that is passed over at the root. */
  readonly notAtRoot: string | null;
}

export interface Listing {
  /** Raw paths of everything but directories, each once. */
  readonly paths: readonly string[];
  /** Whether all of them, and the root's own path, are plain (raw-path.ts), as nearly always: then none needs to be encoded or escaped. */
  readonly arePlain: boolean;
  /** Those of `paths` that are no readable file. */
  readonly specials: ReadonlyMap<string, Special>;
  /** Every directory that was listed, by its raw path; the root's is ''. */
  readonly directories: ReadonlyMap<string, ListedDirectory>;
  /** Raw paths that a pattern names and that are not there. */
  readonly absent: ReadonlySet<string>;
}

/**
 * @param root the root's raw path, absolute
 * @param known directories that need not be read again
 * @throws ERR_DISTPRINT_UNREADABLE, ERR_DISTPRINT_UNSTABLE (a directory went away meanwhile), ERR_DISTPRINT_TOO_MANY_FILES
 */
export function* list(
  root: string,
  globs: Globs,
  known: ReadonlyMap<string, ListedDirectory>,
  cost: ListCost,
): Work<Listing> {
  const disk = createDisk(root, globs, known, cost);
  const options: fastGlob.Options = {
    cwd: VIRTUAL_ROOT,
    fs: disk.adapter as unknown as Partial<fastGlob.FileSystemAdapter>,
    ignore: [...globs.ignore],
    dot: true,
    followSymbolicLinks: false,
    unique: false,
    concurrency: 1,
  };
  const patterns = [...globs.patterns];
  const fg = loadFastGlob();
  const found = yield* perform({ sync: () => fg.sync(patterns, options), async: () => fg(patterns, options) });
  yield PAUSE;
  const arePlain = isPlain(root) && found.every(isPlain);
  const paths = arePlain ? found : found.map(fromShown);
  yield PAUSE;
  // In one go: fast-glob's order is nearly sorted, and the engine's sort uses that (0.5 ms for 8,700 paths).
  paths.sort();
  return {
    paths: globs.patterns.length === 1 ? paths : paths.filter((path, i) => path !== paths[i - 1]),
    arePlain,
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
export function relistSame(
  root: string,
  globs: Globs,
  directory: string,
  listing: Listing,
  cost: ListCost,
): ListedDirectory | undefined {
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
export function isStillSpecial(root: string, path: string, special: Special): boolean {
  const disk = createDisk(root, { never: [], notAtRoot: null }, new Map(), { directoriesRead: 0 });
  try {
    return sameSpecial(special, disk.whatIs(path, lstatSync(toFsPath(`${root}/${path}`))));
  } catch {
    return false;
  }
}

export function sameSpecials(a: ReadonlyMap<string, Special>, b: ReadonlyMap<string, Special>): boolean {
  return a.size === b.size && [...a].every(([path, special]) => sameSpecial(special, b.get(path)));
}

function sameSpecial(a: Special, b: Special | string | undefined): boolean {
  return typeof b === 'object' && a.kind === b.kind && (!('link' in a) || ('link' in b && a.link === b.link));
}
