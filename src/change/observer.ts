/**
 * Looks at a subject again and again, remembers what it saw, and tells when that has settled.
 * @module
 */

import { type DistprintError, isDistprintError } from '../errors.ts';
import { toFingerprint } from '../manifest/manifest.ts';
import { hasSeal } from '../manifest/seal.ts';
import { type CachedPass, loadCache, saveCache } from '../scan/cache-file.ts';
import { type CoverageOptions, toCoverageOptions } from '../scan/coverage.ts';
import { isSamePass, type Scan, type ScanCost, scan } from '../scan/scan.ts';
import type { Work } from '../steps.ts';
import { installedAt, lastInstallMs } from './npm-traces.ts';
import { type EarlierTree, judgeSettled, type SettleRule, type Sighting } from './settle.ts';

export const DEFAULT_SETTLE_MS = 2_000;

export interface ObserverOptions {
  /** Absolute. */
  root: string;
  coverage: CoverageOptions;
  settleMs: number;
  /** For how long what looks unfinished must be quiet. Default 30 times `settleMs`. */
  unfinishedMs?: number;
  cacheFile: string | undefined;
  /** What was there before the first look, if that is known. */
  before?: EarlierTree;
}

/** What one look found, and what it read. A look that failed counts as none. */
export type Observation = ScanCost &
  (
    | { readonly state: 'settled'; readonly tree: Sighting }
    | {
        readonly state: 'settling';
        readonly tree: Sighting;
        readonly rule: SettleRule;
        readonly reason: string;
        readonly retryInMs: number;
      }
    | { readonly state: 'missing' | 'unreadable'; readonly error: DistprintError }
  );

export interface Observer {
  /** What the cache file held. Null if it was of no use. */
  readonly cached: CachedPass | null;
  /** Harmless trouble with the cache file. */
  readonly notes: readonly string[];
  /** @param isKnown whether content with this fingerprint is known to be whole, so that it need not settle */
  look(isKnown: (fingerprint: string) => boolean): Work<Observation>;
}

/** What was last taken for whole: it was judged to have settled, or the caller vouched for it. */
type Whole = EarlierTree & { readonly fingerprint: string; isJudged: boolean };

/** If the two clocks moved apart by more than this since the last look, somebody set one, or the machine was suspended. */
export const CLOCK_JUMP_MS = 1_000;

interface Clocks {
  /** Date.now() */
  readonly wallMs: number;
  /** performance.now() */
  readonly monotonicMs: number;
}

export function createObserver(options: ObserverOptions): Observer {
  const { root, coverage, settleMs, unfinishedMs, cacheFile, before } = options;
  const { cached, note } = cacheFile === undefined ? { cached: null } : loadCache(cacheFile, root, coverage);
  const notes = note === undefined ? [] : [note];
  const installed = installedAt(root);
  let saved = cached?.pass ?? null;
  let tree: Sighting | null = null;
  let lastLook: Clocks | null = null;
  let whole: Whole | null = null;
  const given = before ?? (cached === null ? null : toEarlierTree(cached.pass, false));

  function* look(isKnown: (fingerprint: string) => boolean): Work<Observation> {
    const now = readClocks();
    try {
      // Once seen, its kind is settled: a package without its package.json is missing, and not a plain directory.
      const covered = tree === null ? coverage : toCoverageOptions(tree.pass.subject.coverage);
      const { pass, filesRead, directoriesRead } = yield* scan(root, covered, findPrevious(now));
      tree = yield* recognise(pass, now);
      lastLook = now;
      const judged = yield* judge(tree, isKnown(tree.fingerprint));
      const cost = {
        filesRead: filesRead + judged.filesRead,
        directoriesRead: directoriesRead + judged.directoriesRead,
      };
      if (!judged.settled) {
        const { rule, reason, retryInMs } = judged;
        return { state: 'settling', tree, rule, reason, retryInMs, ...cost };
      }
      yield* save(tree);
      return { state: 'settled', tree, ...cost };
    } catch (error) {
      if (!isDistprintError(error)) throw error;
      // What comes after must settle anew, even if it is what was there before.
      if (tree !== null) tree = { ...tree, sinceMs: now.monotonicMs, otherUntilMs: now.wallMs };
      lastLook = now;
      const state = error.code === 'ERR_DISTPRINT_NOT_FOUND' ? 'missing' : 'unreadable';
      return { state, error, filesRead: 0, directoriesRead: 0 };
    }
  }

  /** The pass whose readings hold. If the clock was set back, none does: a file may be written anew with the timestamps that it had. */
  function findPrevious(now: Clocks): Scan | null {
    const isSetBack = clockJumpMs(lastLook, now) < -CLOCK_JUMP_MS;
    return isSetBack ? null : (tree?.pass ?? cached?.pass ?? null);
  }

  /** The tree of a pass: the last one if nothing moved, else a new one, seen since now. */
  function* recognise(pass: Scan, now: Clocks): Work<Sighting> {
    const installMs = lastInstallMs(installed);
    const same = tree !== null && isSamePass(tree.pass, pass) ? tree : undefined;
    // After a jump, what moved a moment ago looks old. Then only having seen it lie still counts.
    const isJump = Math.abs(clockJumpMs(lastLook, now)) > CLOCK_JUMP_MS;
    if (same?.installMs === installMs) return isJump ? { ...same, pass, otherUntilMs: Infinity } : { ...same, pass };
    const known = same ?? (pass === cached?.pass ? cached : undefined);
    return {
      pass,
      installMs,
      fingerprint: known?.fingerprint ?? (yield* toFingerprint(pass)),
      sinceMs: now.monotonicMs,
      otherUntilMs: isJump ? Infinity : (lastLook?.wallMs ?? null),
    };
  }

  function* judge(seen: Sighting, isVouchedFor: boolean) {
    const { pass, fingerprint } = seen;
    const isJudged = whole?.isJudged === true && whole.fingerprint === fingerprint;
    const judged =
      isVouchedFor || isJudged ? SETTLED : yield* judgeSettled(root, seen, whole ?? given, settleMs, unfinishedMs);
    if (!judged.settled) return judged;
    if (whole?.fingerprint !== fingerprint) {
      const isSealed = pass.subject.globs !== null && hasSeal(root);
      whole = { ...toEarlierTree(pass, isSealed), fingerprint, isJudged: false };
    }
    whole.isJudged ||= !isVouchedFor;
    return judged;
  }

  /** Keeps only what has settled, not each of the states that an install passes through. */
  function* save(seen: Sighting): Work<void> {
    if (cacheFile === undefined || seen.pass === saved) return;
    saved = seen.pass;
    const trouble = yield* saveCache(cacheFile, seen);
    if (trouble !== undefined) notes.push(trouble);
  }

  return { cached, notes, look };
}

const SETTLED = { settled: true, filesRead: 0, directoriesRead: 0 } as const;

const toEarlierTree = ({ subject, listing }: Scan, isSealed: boolean): EarlierTree => ({
  isSealed,
  version: subject.version,
  paths: () => [...listing.files, ...listing.specials.keys()],
});

/** Both at one moment: if the process is stopped between the two, they are read again. */
function readClocks(): Clocks {
  for (;;) {
    const monotonicMs = performance.now();
    const wallMs = Date.now();
    if (performance.now() - monotonicMs < CLOCK_JUMP_MS / 10) return { wallMs, monotonicMs };
  }
}

/** Milliseconds by which the wall clock ran ahead of the monotonic one since the last look. Below zero it ran behind. */
function clockJumpMs(before: Clocks | null, now: Clocks): number {
  if (before === null) return 0;
  return now.wallMs - before.wallMs - (now.monotonicMs - before.monotonicMs);
}
