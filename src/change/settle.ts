/**
 * Decides whether a tree is a release, or still on its way to one.
 *
 * A seal (manifest/seal.ts) that matches settles it for certain. Without one, a tree has settled when no package manager is seen at work
 * on it, when nothing in it has moved for `settleMs` (longer if it looks unfinished), and when a second look right after finds the same.
 * @module
 */

import { isDeepStrictEqual } from 'node:util';
import { locate, toRaw } from '../disk/raw-path.ts';
import { latestOf, lstatOrNothing, statOrNothing } from '../disk/stat.ts';
import { isDistprintError } from '../errors.ts';
import { diffManifests } from '../manifest/diff.ts';
import { type Manifest, toManifest } from '../manifest/manifest.ts';
import { readSeal } from '../manifest/seal.ts';
import { platform } from '../platform/index.ts';
import { toCoverageOptions } from '../scan/coverage.ts';
import { holdsStill, type Scan, type ScanCost, scan } from '../scan/scan.ts';
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
   * When something else was last seen in its place, in milliseconds of `Date.now()`. Null if nothing ever was, Infinity if the clock
   * can't be trusted to say.
   */
  readonly otherUntilMs: number | null;
  /** `lastInstallMs` when it was last seen so. */
  readonly installMs: number;
}

/**
 * What a tree waits for:
 * - `seal`: one that matches it
 * - `npm`: the end of an npm that is at work, or was killed
 * - `unfinished`: what it names and lacks
 * - `quiet`: that it lies still for long enough
 * - `moving`: an end of what moves right now
 */
export type SettleRule = 'seal' | 'npm' | 'unfinished' | 'quiet' | 'moving';

/** What the decision is, and what was read for it. */
export type Settled = ScanCost &
  (
    | { readonly settled: true }
    | { readonly settled: false; readonly rule: SettleRule; readonly reason: string; readonly retryInMs: number }
  );

/** What was there before, and was whole. */
export interface EarlierTree {
  readonly isSealed: boolean;
  readonly version: string | null;
  /** Raw paths of all that it had, relative to the root. */
  readonly paths: () => readonly string[];
}

/**
 * @param root absolute
 * @param unfinishedMs for how long what looks unfinished must be quiet
 * @param before if it had a seal, a tree without one waits for its own. Null if nothing is known of it.
 * @throws what `scan` throws, if a seal covers something else than the tree
 */
export function* judgeSettled(
  root: string,
  tree: Sighting,
  before: EarlierTree | null,
  settleMs: number,
  unfinishedMs: number = settleMs * UNFINISHED_TIMES,
): Work<Settled> {
  const { seal, ...cost } = yield* judgeSeal(root, tree);
  const not = (rule: SettleRule, reason: string, retryInMs = settleMs): Settled => ({
    settled: false,
    rule,
    reason,
    retryInMs,
    ...cost,
  });
  if (seal === 'matches') return { settled: true, ...cost };
  if (seal !== 'none') return not('seal', seal);
  if (before?.isSealed && tree.pass.subject.globs !== null) {
    return not(
      'seal',
      'it has no seal, which the release before it had: on its way, or built without `distprint seal`',
    );
  }
  const work = findWorkInProgress(root);
  if (work !== undefined) {
    return not('npm', `npm is at work, or was killed at it: ${work} is still there. If npm is not running, reinstall.`);
  }
  // In this order: the removal of a trace moves the directory that held it, so one of the two looks sees it.
  if (lastInstallMs(installedAt(root)) !== tree.installMs)
    return not('moving', 'something was installed or removed beside it');
  const lacks = yield* findLack(root, tree.pass, before);
  const enoughMs = lacks === undefined ? settleMs : unfinishedMs;
  const quietMs = quietFor(root, tree);
  if (quietMs < enoughMs) {
    const reason = `${lacks === undefined ? '' : `${lacks}; `}quiet for ${Math.round(quietMs)} of ${enoughMs} ms`;
    return not(lacks === undefined ? 'quiet' : 'unfinished', reason, Math.min(settleMs, enoughMs - quietMs));
  }
  if (!(yield* holdsStill(tree.pass))) return not('moving', 'it moved while it was read');
  return { settled: true, ...cost };
}

/** A package that looks unfinished may be published so, and must not wait for ever. */
const UNFINISHED_TIMES = 30;

/** What a package lacks that tells that it is being built or installed. Undefined if it looks finished. */
function* findLack(root: string, pass: Scan, before: EarlierTree | null): Work<string | undefined> {
  const { coverage, version } = pass.subject;
  if (coverage.kind !== 'package' || before === null) return undefined;
  // A file that was never there tells nothing, unless the version is another: then this release may never have been whole.
  const tells = (entryPoint: EntryPoint) =>
    version !== before.version || entryPoint.some((path) => before.paths().includes(toRaw(path)));
  const missing = (yield* findMissingEntryPoints(root)).find(tells);
  if (missing !== undefined) return `package.json names ${missing[0]}, which is not there`;
  const isInDist = (raw: string) => raw.startsWith('dist/');
  return !pass.listing.files.some(isInDist) && before.paths().some(isInDist) ? 'dist is empty or gone' : undefined;
}

/** Whether there is a seal, and whether the tree matches it: if not, why. */
function* judgeSeal(root: string, { pass, fingerprint }: Sighting): Work<ScanCost & { seal: string }> {
  const nothingRead = { filesRead: 0, directoriesRead: 0 };
  if (pass.subject.globs === null) return { seal: 'none', ...nothingRead };
  let seal: Manifest | undefined;
  try {
    seal = readSeal(root);
  } catch (error) {
    if (!isDistprintError(error, 'ERR_DISTPRINT_MANIFEST')) throw error;
    return { seal: `its seal is not whole (${error.message})`, ...nothingRead };
  }
  if (seal === undefined) return { seal: 'none', ...nothingRead };
  if (fingerprint === seal.fingerprint) return { seal: 'matches', ...nothingRead };
  const coverage = toCoverageOptions(seal);
  const isAlike = isDeepStrictEqual(coverage, toCoverageOptions(pass.subject.coverage));
  const { pass: covered, ...cost } = isAlike ? { pass, ...nothingRead } : yield* scan(root, coverage, null);
  const manifest = yield* toManifest(covered);
  return { seal: manifest.fingerprint === seal.fingerprint ? 'matches' : sayMismatch(seal, manifest), ...cost };
}

function sayMismatch(seal: Manifest, found: Manifest): string {
  const { added, removed, changed } = diffManifests(seal, found);
  const count = added.length + removed.length + changed.length;
  const files = count === 1 ? '1 file differs' : `${count} files differ`;
  return `it does not match its seal (${files}): on its way, or rebuilt without \`distprint seal\``;
}

/**
 * Milliseconds for which the tree is known to have been quiet: since it was first seen so, or since the youngest ctime in it. The
 * ctime counts only if the clocks of disk and process agree: a tree that took another's place since the last look must be
 * younger than that look.
 */
function quietFor(root: string, tree: Sighting): number {
  const seenMs = performance.now() - tree.sinceMs;
  const movedMs = Math.max(lastMoveMs(root, tree.pass), tree.installMs);
  const isPlausible = tree.otherUntilMs === null || movedMs >= tree.otherUntilMs - platform.clockTickMs;
  return isPlausible ? Math.max(seenMs, Date.now() - movedMs) : seenMs;
}

function lastMoveMs(root: string, { ids, listing, subject }: Scan): number {
  const at = locate(toRaw(root), '');
  // A link to the root counts as well. If the root is gone, nothing is quiet.
  const rootMs = Math.max(...[statOrNothing(at), lstatOrNothing(at)].map((stats) => stats?.ctimeMs ?? Infinity));
  let last = Math.max(rootMs, subject.packageJson?.ctimeMs ?? 0, ids.lastCtimeMs());
  for (const { id } of listing.directories.values()) if (id.ctimeMs > last) last = id.ctimeMs;
  return latestOf(last);
}
