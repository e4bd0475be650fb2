/**
 * Compares what is installed now with what was installed when the program started.
 * @module
 */

import { resolve } from 'node:path';
import { readPath, writePath } from '../disk/raw-path.ts';
import { latestOf, RACY_MS } from '../disk/stat.ts';
import { type BuiltManifest, buildManifestSync, toBuiltManifest } from '../manifest/build.ts';
import { type FileDifference, listDifferences, type ManifestDiff, toManifestDiff } from '../manifest/diff.ts';
import { type Manifest, toManifest } from '../manifest/manifest.ts';
import { OWN_EXECUTABLE } from '../platform/proc.ts';
import { type CoverageOptions, toCoverageOptions } from '../scan/coverage.ts';
import type { Scan, ScanCost } from '../scan/scan.ts';
import { runAsync, runSync, type Work } from '../steps.ts';
import { CLOCK_JUMP_MS, createObserver, DEFAULT_SETTLE_MS, type Observation } from './observer.ts';
import { createPlaces, type Places } from './places.ts';
import { coverRunningProgram, isExecutableItself, isRunningProgram, typedPathInto } from './running-program.ts';
import type { EarlierTree, SettleRule, Sighting } from './settle.ts';

/** What to look at, and how. */
export interface DetectorOptions extends CoverageOptions {
  /** A package directory, an executable or a plain directory. */
  path: string;
  /**
   * What started, if you know it better than a look now can tell: the manifest of the build, say. It also says what is covered.
   * Without it, the detector looks when it is created, blocking.
   */
  baseline?: Manifest;
  /** Milliseconds for which a tree must be quiet before it is `changed`. Default 2,000. */
  settleMs?: number;
  /** Where to keep the stat cache: the next process then need not read every file again. */
  cacheFile?: string;
}

/**
 * - `current`: what is installed has the baseline's content
 * - `settling`: something moves, or can't be read; no conclusion yet
 * - `changed`: settled, complete, and different
 * - `missing`: nothing is there
 */
export type Verdict = 'current' | 'settling' | 'changed' | 'missing';

/** `filesRead` and `directoriesRead` count what was read because it had moved. They are 0 if the look failed. */
export interface Check extends Readonly<ScanCost> {
  readonly verdict: Verdict;
  /** Of what is there now. Null where that can't be told. */
  readonly fingerprint: string | null;
  /** With `changed`: from the baseline to what is there now. */
  readonly changes?: ManifestDiff;
  /** With `changed`: each file that differs, from which content to which. */
  readonly differences?: readonly FileDifference[];
  /** With `changed`: package.json's version of the baseline and of what is there now. */
  readonly versions?: { readonly started: string | null; readonly installed: string | null };
  /** Why, for people: with `settling` and `missing`, and with `changed` where the diff does not say it. */
  readonly reason?: string;
  /** With `settling`: what it waits for. `unreadable`: that it can be read. */
  readonly rule?: SettleRule | 'unreadable';
  /** With `settling`: milliseconds after which another look is worth while. */
  readonly retryInMs?: number;
}

/** Tells, as often as it is asked, whether what started is what is installed. */
export interface Detector {
  /** What started. Never changes. With `name` and `bytes`, where the detector itself looked. */
  readonly baseline: Manifest & Partial<BuiltManifest>;
  /** Harmless trouble with `cacheFile`: that it was damaged, say. And that the running program is not covered. */
  readonly notes: readonly string[];
  /** Looks now, in short slices (steps.ts). Never rejects because of what is on disk. Calls that overlap share one look. */
  check(): Promise<Check>;
  /** The same, blocking. */
  checkSync(): Check;
  /** The directories in which a change would show, as the last look found them. The same map as long as they are the same. */
  whereToListen(): Promise<Places>;
}

/**
 * **How the baseline ties to the loaded code.** If the subject is the running program, a file whose ctime is later than the start of
 * this process may have been replaced after it was loaded, and before the detector was created. Its content then proves nothing about
 * the code in memory, unless `baseline` or `cacheFile` knows what it held before, or the executable that runs has the same content.
 * The verdict is `changed`, once all has settled. So create the detector early; a late one errs on the safe side.
 *
 * @param known the fingerprint of what was installed before this process started, if somebody recorded it
 * @throws what `buildManifest` throws, where no `baseline` is given and none can be taken
 */
export function createDetector(options: DetectorOptions, known?: string): Detector {
  return runSync(makeDetector(options, known));
}

/** The same in short slices (steps.ts): for who shows progress meanwhile. */
export function openDetector(options: DetectorOptions): Promise<Detector> {
  return runAsync(makeDetector(options, undefined));
}

function* makeDetector(options: DetectorOptions, known: string | undefined): Work<Detector> {
  const root = resolve(options.path);
  const settleMs = options.settleMs ?? DEFAULT_SETTLE_MS;
  const { cacheFile } = options;
  const coverage = options.baseline ? toCoverageOptions(options.baseline) : options;
  const before = options.baseline && toEarlierTree(options.baseline);
  const observer = createObserver({ root, coverage, settleMs, cacheFile, ...(before && { before }) });
  const first = options.baseline ? null : takeBaseline(yield* observer.look(() => true));
  const started = options.baseline ?? {
    fingerprint: (first as Sighting).fingerprint,
    version: first?.pass.subject.version ?? null,
  };
  const isKnown = first === null || started.fingerprint === known;
  const doubtful = isKnown ? [] : findDoubtful(root, first, observer.cached?.pass);
  const isBaseline = (fingerprint: string) => fingerprint === started.fingerprint && doubtful.length === 0;

  let baseline: Detector['baseline'] | undefined = options.baseline;
  /** Made when it is asked for: its fingerprint is enough to see that nothing changed. */
  function* makeBaseline(): Work<Detector['baseline']> {
    baseline ??= yield* toBuiltManifest((first as Sighting).pass, started.fingerprint);
    return baseline;
  }

  let compared: { pass: Scan; what: Required<Pick<Check, 'changes' | 'differences'>> } | undefined;
  function* compare({ pass, fingerprint }: Sighting) {
    if (compared?.pass !== pass) {
      const installed = yield* toManifest(pass, fingerprint);
      const before = yield* makeBaseline();
      const differences = listDifferences(before, installed);
      compared = { pass, what: { changes: toManifestDiff(before, installed, differences), differences } };
    }
    return compared.what;
  }

  const findPlaces = createPlaces(root, typedPathInto(root));
  let lastPass = first?.pass ?? null;

  function* look(): Work<Check> {
    const seen = yield* observer.look(isBaseline);
    if ('tree' in seen) lastPass = seen.tree.pass;
    const { filesRead, directoriesRead } = seen;
    const cost = { filesRead, directoriesRead };
    if ('error' in seen) {
      const reason = seen.error.message;
      if (seen.state === 'missing') return { verdict: 'missing', fingerprint: null, reason, ...cost };
      return { verdict: 'settling', fingerprint: null, rule: 'unreadable', reason, retryInMs: settleMs, ...cost };
    }
    const { fingerprint, pass } = seen.tree;
    if (seen.state === 'settling') {
      const { rule, reason, retryInMs } = seen;
      return { verdict: 'settling', fingerprint, rule, reason, retryInMs, ...cost };
    }
    if (isBaseline(fingerprint)) return { verdict: 'current', fingerprint, ...cost };
    const versions = { started: started.version, installed: pass.subject.version };
    const changed = { verdict: 'changed', fingerprint, ...(yield* compare(seen.tree)), versions, ...cost } as const;
    return doubtful.length === 0 ? changed : { ...changed, reason: sayDoubtful(doubtful) };
  }

  let underWay: Promise<Check> | undefined;
  return {
    get baseline() {
      return runSync(makeBaseline());
    },
    get notes() {
      const isUsual = options.baseline === undefined && options.include === undefined;
      return [...observer.notes, ...(isUsual ? noteUncovered(root) : [])];
    },
    check() {
      underWay ??= runAsync(look()).finally(() => {
        underWay = undefined;
      });
      return underWay;
    },
    checkSync: () => runSync(look()),
    whereToListen: () => runAsync(findPlaces(lastPass)),
  };
}

function noteUncovered(root: string): string[] {
  const { include } = coverRunningProgram(root);
  return include === undefined ? [] : [`the running program does not count; set include to ${JSON.stringify(include)}`];
}

/** Whether it had a seal is not known. */
const toEarlierTree = ({ version, entries }: Manifest): EarlierTree => ({
  isSealed: false,
  version,
  paths: () => entries.map(({ path }) => readPath(path) ?? path),
});

function takeBaseline(seen: Observation): Sighting {
  if ('tree' in seen) return seen.tree;
  throw seen.error;
}

/** The files that may have been replaced since this process loaded them, as written paths. */
function findDoubtful(root: string, { pass, fingerprint }: Sighting, cached: Scan | undefined): string[] {
  const { listing, digests, ids } = pass;
  const startMs = performance.timeOrigin;
  if (ids.lastCtimeMs() + RACY_MS <= startMs || !isRunningProgram(root) || isExecutableThatRuns(fingerprint)) return [];
  const before = new Map(cached?.listing.files.map((path, row) => [path, cached.digests[row]]));
  // A file from the future was stamped by another clock, which says nothing of our start. But it may be our clock that was set back since.
  const nowMs = Date.now();
  const isSteady = Math.abs(nowMs - startMs - performance.now()) < CLOCK_JUMP_MS;
  const untilMs = isSteady ? nowMs : Infinity;
  return listing.files
    .filter((path, row) => {
      const ctimeMs = ids.ctimeMsOf(row);
      return latestOf(ctimeMs) > startMs && ctimeMs <= untilMs && before.get(path) !== digests[row];
    })
    .map(writePath);
}

/** Linux keeps the executable that runs, whatever became of its path, and lets nobody write to it (proc_pid_exe(5)). */
function isExecutableThatRuns(fingerprint: string): boolean {
  try {
    return (
      OWN_EXECUTABLE !== undefined &&
      isExecutableItself() &&
      buildManifestSync(OWN_EXECUTABLE).fingerprint === fingerprint
    );
  } catch {
    return false; // no /proc is mounted
  }
}

function sayDoubtful(paths: string[]): string {
  const others = paths.length > 1 ? ` and ${paths.length - 1} more` : '';
  return `${paths[0]}${others} changed after this process started and before it looked for the first time`;
}
