/**
 * Whether a tree may be taken for a release, or is still on its way to one.
 *
 * A seal (seal.ts) settles it for certain. Without one, a tree is settled when no package manager is seen at work on it,
 * when nothing in it has moved for `settleMs` (for longer where an entry point is missing), and when a second look right after
 * finds it as the first one did.
 * @module
 */

import { sameSpecials } from '../disk/list.ts';
import { toFsPath, toRaw } from '../disk/raw-path.ts';
import { lstatOrNothing, sameId, statOrNothing } from '../disk/stat.ts';
import { isDistprintError } from '../errors.ts';
import { diffManifests } from '../manifest/diff.ts';
import { type Manifest, toManifest } from '../manifest/manifest.ts';
import { readSeal } from '../manifest/seal.ts';
import { lastCtimeMs, sameReadings } from '../scan/readings.ts';
import { holdsStill, type Scan, type ScanCost, scan } from '../scan/scan.ts';
import { type Subject, toCoverageOptions } from '../scan/subject.ts';
import type { Work } from '../steps.ts';
import { type EntryPoint, findMissingEntryPoints } from './entry-points.ts';
import { findWorkInProgress, installedAt, lastInstallMs } from './npm-traces.ts';

/** A tree, and since when it is known to be as it is. */
export interface Sighting {
  readonly pass: Scan;
  /** Of the pass's manifest. */
  readonly fingerprint: string;
  /** When it was first seen so, in milliseconds of `performance.now()`. */
  readonly sinceMs: number;
  /**
   * When something else was last seen in its place, in milliseconds of `Date.now()`; null where nothing ever was,
   * Infinity where the clock can't be trusted to say.
   */
  readonly otherUntilMs: number | null;
  /** `lastInstallMs` when it was last seen so. */
  readonly installMs: number;
}

export type Settled =
  | { readonly settled: true }
  | { readonly settled: false; readonly reason: string; readonly retryInMs: number };

/** What was there before, and was whole. */
export interface EarlierTree {
  readonly isSealed: boolean;
  readonly version: string | null;
  /** Whether it had something at this raw path, relative to the root. */
  has(raw: string): boolean;
}

/**
 * @param root absolute
 * @param before where it had a seal, a tree without one waits for its own; null where nothing is known of it
 * @throws what `scan` throws, where a seal covers something else than the tree
 */
export function* judgeSettled(
  root: string,
  tree: Sighting,
  before: EarlierTree | null,
  settleMs: number,
  cost: ScanCost,
): Work<Settled> {
  const not = (reason: string, retryInMs = settleMs): Settled => ({ settled: false, reason, retryInMs });
  if (tree.pass.subject.globs !== null) {
    const sealed = yield* judgeSeal(root, tree, cost);
    if (sealed === 'matches') return { settled: true };
    if (sealed !== 'none') return not(sealed);
    if (before?.isSealed)
      return not('it has no seal, which the release before it had: on its way, or built without `distprint seal`');
  }
  const work = findWorkInProgress(root);
  if (work !== undefined) {
    return not(`npm is at work, or was killed at it: ${work} is still there. If npm is not running, reinstall.`);
  }
  // In this order: the removal of a trace moves the directory that held it, so one of the two looks sees it.
  if (lastInstallMs(installedAt(root)) !== tree.installMs) return not('something was installed or removed beside it');
  const missing = yield* findUnfinished(root, tree.pass.subject, before);
  const enoughMs = missing === undefined ? settleMs : settleMs * UNFINISHED_TIMES;
  const quietMs = quietFor(root, tree);
  if (quietMs < enoughMs) {
    const lacks = missing === undefined ? '' : `package.json names ${missing}, which is not there; `;
    return not(`${lacks}quiet for ${Math.round(quietMs)} of ${enoughMs} ms`, Math.min(settleMs, enoughMs - quietMs));
  }
  if (!(yield* holdsStill(tree.pass))) return not('it moved while it was read');
  return { settled: true };
}

/** A package that looks unfinished may be published so, and must not wait for ever. */
const UNFINISHED_TIMES = 30;

/**
 * A file that the package's package.json names, and that is not there, where that tells that it is being built: because it was there
 * before, or because the version is another, and this release may never have been whole.
 */
function* findUnfinished(
  root: string,
  { coverage, version }: Subject,
  before: EarlierTree | null,
): Work<string | undefined> {
  if (coverage.kind !== 'package' || before === null) return undefined;
  const tells = (entryPoint: EntryPoint) =>
    version !== before.version || entryPoint.some((path) => before.has(toRaw(path)));
  return (yield* findMissingEntryPoints(root)).find(tells)?.[0];
}

function* judgeSeal(root: string, tree: Sighting, cost: ScanCost): Work<'none' | 'matches' | string> {
  let seal: Manifest | undefined;
  try {
    seal = readSeal(root);
  } catch (error) {
    if (isDistprintError(error, 'ERR_DISTPRINT_MANIFEST')) return `its seal is not whole (${error.message})`;
    throw error;
  }
  if (seal === undefined) return 'none';
  if (tree.fingerprint === seal.fingerprint) return 'matches';
  const coverage = toCoverageOptions(seal);
  const isAlike = JSON.stringify(coverage) === JSON.stringify(toCoverageOptions(tree.pass.subject.coverage));
  const covered = yield* toManifest(isAlike ? tree.pass : yield* scan(root, coverage, null, cost));
  if (covered.fingerprint === seal.fingerprint) return 'matches';
  const { added, removed, changed } = diffManifests(seal, covered);
  const count = added.length + removed.length + changed.length;
  return `it does not match its seal (${count === 1 ? '1 file differs' : `${count} files differ`}): on its way, or rebuilt without \`distprint seal\``;
}

/**
 * Milliseconds for which the tree is known to have been quiet: for as long as it was seen so, or since the youngest
 * ctime in it. The latter counts only where the clocks of disk and process agree: a tree that took another's
 * place since the last look must be younger than that look.
 */
function quietFor(root: string, tree: Sighting): number {
  const seenMs = performance.now() - tree.sinceMs;
  const movedMs = Math.max(lastMoveMs(root, tree.pass), tree.installMs);
  const isPlausible = tree.otherUntilMs === null || movedMs >= tree.otherUntilMs - CLOCK_TICK_MS;
  return isPlausible ? Math.max(seenMs, Date.now() - movedMs) : seenMs;
}

/** The kernel stamps files with a clock that ticks at 100 to 1000 Hz. */
const CLOCK_TICK_MS = 10;

function lastMoveMs(root: string, { readings, listing, subject }: Scan): number {
  const at = toFsPath(toRaw(root));
  // A link to the root counts as well. Where the root is gone, nothing is quiet.
  const rootMs = Math.max(...[statOrNothing(at), lstatOrNothing(at)].map((stats) => stats?.ctimeMs ?? Infinity));
  let last = Math.max(rootMs, subject.packageJson?.ctimeMs ?? 0, lastCtimeMs(readings));
  for (const { id } of listing.directories.values()) if (id.ctimeMs > last) last = id.ctimeMs;
  return last;
}

/** Whether two passes saw the same, down to the timestamps. */
export function isSameTree(a: Scan, b: Scan): boolean {
  if (a === b) return true;
  // A pass that found the same list took over from the one before it whatever it did not read itself.
  const rows = a.readings.paths === b.readings.paths ? b.fresh : undefined;
  if (a.subject.version !== b.subject.version || !sameReadings(a.readings, b.readings, rows)) return false;
  return a.listing === b.listing || isSameListing(a.listing, b.listing);
}

function isSameListing(a: Scan['listing'], b: Scan['listing']): boolean {
  if (a.paths.length !== b.paths.length || a.directories.size !== b.directories.size) return false;
  if (!a.paths.every((path, i) => path === b.paths[i]) || !sameSpecials(a.specials, b.specials)) return false;
  for (const [raw, directory] of a.directories) {
    const other = b.directories.get(raw);
    if (other === undefined || !sameId(directory.id, other.id)) return false;
  }
  return true;
}
