/**
 * Looks at a subject again and again, remembers what it saw, and tells when that has settled.
 * @module
 */

import { type DistprintError, isDistprintError } from '../errors.ts';
import { toFingerprint } from '../manifest/manifest.ts';
import { hasSeal } from '../manifest/seal.ts';
import { type CachedPass, loadCache, saveCache } from '../scan/cache-file.ts';
import { type Scan, type ScanCost, scan } from '../scan/scan.ts';
import { type CoverageOptions, toCoverageOptions } from '../scan/subject.ts';
import type { Work } from '../steps.ts';
import { installedAt, lastInstallMs } from './npm-traces.ts';
import { type EarlierTree, isSameTree, judgeSettled, type Sighting } from './settle.ts';

export const DEFAULT_SETTLE_MS = 2_000;

export interface ObserverOptions {
  /** Absolute. */
  root: string;
  coverage: CoverageOptions;
  settleMs: number;
  cacheFile: string | undefined;
  /** What was there before the first look, where that is known. */
  before?: EarlierTree;
}

/** What one look found, and what it cost. */
export type Observation = ScanCost &
  (
    | { state: 'settled'; tree: Sighting }
    | { state: 'settling'; tree: Sighting; reason: string; retryInMs: number }
    | { state: 'missing' | 'unreadable'; error: DistprintError }
  );

export interface Observer {
  /** What the cache file held of it; null where it was of no use. */
  readonly cached: CachedPass | null;
  /** What is worth knowing of the cache file and harms nothing. */
  readonly notes: readonly string[];
  /** @param isKnown whether content with this fingerprint need not settle, being known to be whole */
  look(isKnown: (fingerprint: string) => boolean): Work<Observation>;
}

/** What was last taken for whole: because it was judged to have settled, or because the caller vouched for it. */
type Taken = EarlierTree & { readonly fingerprint: string; isJudged: boolean };

const toEarlierTree = ({ subject, listing }: Scan, isSealed: boolean): EarlierTree => ({
  isSealed,
  version: subject.version,
  has: (raw) => listing.paths.includes(raw),
});

/** Where the two clocks moved apart by more than this since the last look, somebody set one, or the machine was suspended. */
const CLOCK_JUMP_MS = 1_000;

interface Clocks {
  /** Date.now() */
  wallMs: number;
  /** performance.now() */
  monotonicMs: number;
}

export function createObserver({ root, coverage, settleMs, cacheFile, before }: ObserverOptions): Observer {
  const notes: string[] = [];
  const cached = cacheFile === undefined ? null : loadCache(cacheFile, root, coverage, notes);
  const installed = installedAt(root);
  let saved = cached?.pass ?? null;
  let tree: Sighting | null = null;
  let lastLook: Clocks | null = null;
  let last: Taken | null = null;
  const given = before ?? (cached === null ? null : toEarlierTree(cached.pass, false));

  function* look(isKnown: (fingerprint: string) => boolean): Work<Observation> {
    const cost: ScanCost = { filesRead: 0, directoriesRead: 0 };
    const now: Clocks = { wallMs: Date.now(), monotonicMs: performance.now() };
    const earlier = lastLook;
    try {
      const jumpMs = clockJumpMs(earlier, now);
      // Set back: a file may be written anew with the timestamps that it had before.
      const previous = jumpMs < -CLOCK_JUMP_MS ? null : (tree?.pass ?? cached?.pass ?? null);
      // Once seen, its kind is settled: a package without its package.json is missing, and not a plain directory.
      const covered = tree === null ? coverage : toCoverageOptions(tree.pass.subject.coverage);
      const pass = yield* scan(root, covered, previous, cost);
      const recognised = yield* recognise(pass, earlier, now);
      // A jump makes what moved a moment ago look old: then only having seen it lie still counts.
      const seen = Math.abs(jumpMs) > CLOCK_JUMP_MS ? { ...recognised, otherUntilMs: Infinity } : recognised;
      tree = seen;
      lastLook = now;
      const { fingerprint } = seen;
      const isVouchedFor = isKnown(fingerprint);
      if (!isVouchedFor && !(last?.isJudged === true && last.fingerprint === fingerprint)) {
        const judged = yield* judgeSettled(root, seen, last ?? given, settleMs, cost);
        if (!judged.settled) {
          return { state: 'settling', tree: seen, reason: judged.reason, retryInMs: judged.retryInMs, ...cost };
        }
      }
      if (last?.fingerprint !== fingerprint) {
        const isSealed = pass.subject.globs !== null && hasSeal(root);
        last = { ...toEarlierTree(pass, isSealed), fingerprint, isJudged: false };
      }
      last.isJudged ||= !isVouchedFor;
      yield* save(seen);
      return { state: 'settled', tree: seen, ...cost };
    } catch (error) {
      if (!isDistprintError(error)) throw error;
      // What comes after must settle anew, even where it is what was there before.
      if (tree !== null) tree = { ...tree, sinceMs: now.monotonicMs, otherUntilMs: now.wallMs };
      lastLook = now;
      const state = error.code === 'ERR_DISTPRINT_NOT_FOUND' ? 'missing' : 'unreadable';
      return { state, error, ...cost };
    }
  }

  /** The tree of a pass: the last one where nothing moved, else a new one, seen since now. */
  function* recognise(pass: Scan, earlier: Clocks | null, now: Clocks): Work<Sighting> {
    const installMs = lastInstallMs(installed);
    const same = tree !== null && (pass === tree.pass || isSameTree(tree.pass, pass)) ? tree : undefined;
    if (same?.installMs === installMs) return { ...same, pass };
    const known = same ?? (pass === cached?.pass ? cached : undefined);
    return {
      pass,
      installMs,
      fingerprint: known?.fingerprint ?? (yield* toFingerprint(pass)),
      sinceMs: now.monotonicMs,
      otherUntilMs: earlier?.wallMs ?? null,
    };
  }

  /** Only what has settled is kept: not each of the states that an install passes through. */
  function* save(seen: Sighting): Work<void> {
    if (cacheFile === undefined || seen.pass === saved) return;
    saved = seen.pass;
    yield* saveCache(cacheFile, seen, notes);
  }

  return { cached, notes, look };
}

/** Milliseconds by which the wall clock ran ahead of the monotonic one since the last look; below zero, behind it. */
function clockJumpMs(before: Clocks | null, now: Clocks): number {
  if (before === null) return 0;
  return now.wallMs - before.wallMs - (now.monotonicMs - before.monotonicMs);
}
