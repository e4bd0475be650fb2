/**
 * Looks at all that is watched, and tells in one word what became of it.
 * @module
 */

import { basename, join } from 'node:path';
import { defaultCacheFile } from '../../change/default-cache.ts';
import type { Check } from '../../change/detector.ts';
import { createObserver, type Observation } from '../../change/observer.ts';
import { createPlaces, type Place, type Places } from '../../change/places.ts';
import type { Sighting } from '../../change/settle.ts';
import { writeText } from '../../disk/raw-path.ts';
import { statOrNothing } from '../../disk/stat.ts';
import { type FileDifference, listDifferences } from '../../manifest/diff.ts';
import { toManifest } from '../../manifest/manifest.ts';
import { hasSeal } from '../../manifest/seal.ts';
import type { CoverageOptions } from '../../scan/coverage.ts';
import type { Scan } from '../../scan/scan.ts';
import { runAsync, type Work } from '../../steps.ts';
import { findGitLock } from './git-lock.ts';

/** A path to watch. */
export interface WatchedPath {
  /** Absolute. */
  readonly path: string;
  /** Milliseconds for which it must be quiet. */
  readonly settleMs: number;
}

/** What lay at all watched paths at one time. */
export interface Content {
  /** Equal content, equal key. */
  readonly key: string;
  /** Of the first path that has one. */
  readonly version: string | null;
  readonly trees: readonly Sighting[];
}

/** `content` is there where all paths could be read. */
export interface Look {
  readonly state: 'settled' | 'settling' | 'missing' | 'unreadable';
  readonly content: Content | null;
  /** Why it is not settled, for people. */
  readonly reason: string | null;
  /** Milliseconds after which another look is worth while. */
  readonly retryInMs: number | null;
  /** While it is settling: what it waits for. */
  readonly rule?: Check['rule'];
  readonly filesRead: number;
  readonly directoriesRead: number;
}

/** What differs, with the paths as people know them: each below its watched path, where there are several. */
export interface Difference {
  readonly paths: readonly string[];
  readonly from: string | null;
  readonly to: string | null;
}

export interface Watched {
  readonly paths: readonly WatchedPath[];
  /** Calls that overlap share one look. */
  look(): Promise<Look>;
  difference(from: Content, to: Content): Promise<Difference>;
  /** Each file that differs, with its path as `difference` has it. */
  listDifferences(from: Content, to: Content): Promise<FileDifference[]>;
  /** Where a change would show, as the last look found it. */
  whereToListen(): Promise<Places>;
}

/** Content with fewer files than what runs, or with emptied ones, is most likely a build that deletes, and then writes: it has to be quiet for so many times longer. */
const FEWER_FILES_TIMES = 10;
/** In milliseconds: what looks unfinished waits at least so long. */
const UNFINISHED_MS = 60_000;

/** In milliseconds. git is done within so long, as a rule. */
const GIT_MS = 100;
/** In milliseconds. What is away is looked for so often, beside events. */
const AWAY_MS = 1_000;

/**
 * @param lacks what is missing for a start; null where nothing is
 * @param vouched what needs no settling, because it runs
 * @param started what was started last
 */
export function createWatched(
  paths: readonly WatchedPath[],
  coverage: CoverageOptions,
  lacks: () => string | null,
  vouched: () => Content | null,
  started: () => Content | null,
): Watched {
  const observers = paths.map(({ path, settleMs }) => {
    const unfinishedMs = Math.max(30 * settleMs, UNFINISHED_MS);
    const isFile = statOrNothing(path)?.isFile() === true;
    return createObserver({
      root: path,
      coverage: isFile ? {} : coverage,
      settleMs,
      unfinishedMs,
      cacheFile: defaultCacheFile(path),
    });
  });
  const passes: (Scan | null)[] = paths.map(() => null);
  const places = paths.map(({ path }) => createPlaces(path));
  let merged: { of: Places[]; places: Places } = { of: [new Map()], places: new Map() };
  let seen: { key: string; sinceMs: number } = { key: '', sinceMs: 0 };

  function* lookAtAll(): Work<Look> {
    const all: Observation[] = [];
    for (const [i, observer] of observers.entries()) {
      const known = vouched()?.trees[i]?.fingerprint;
      const seen = yield* observer.look((fingerprint) => fingerprint === known);
      if ('tree' in seen) passes[i] = seen.tree.pass;
      all.push(seen);
    }
    const look = sum(all);
    return look.content === null ? look : judge(look, look.content);
  }

  /** What no single tree can tell. */
  function judge(look: Look, content: Content): Look {
    const nowMs = performance.now();
    if (seen.key !== content.key) seen = { key: content.key, sinceMs: nowMs };
    const known = started();
    if (look.state !== 'settled' || content.key === known?.key) return look;
    const settleMs = Math.max(...paths.map((each) => each.settleMs));
    const not = (reason: string, retryInMs: number): Look => ({
      ...look,
      state: 'settling',
      rule: 'unfinished',
      reason,
      retryInMs,
    });
    const missing = lacks();
    if (missing !== null) return not(missing, Math.max(settleMs, AWAY_MS));
    const lock = paths.map(({ path }) => findGitLock(path)).find((each) => each !== undefined);
    if (lock !== undefined) return not(`git is at work: ${lock}`, GIT_MS);
    const leftMs = seen.sinceMs + FEWER_FILES_TIMES * settleMs - nowMs;
    const isFewer = known !== null && countFull(content) < countFull(known) && !paths.some(({ path }) => hasSeal(path));
    return isFewer && leftMs > 0
      ? not('it has fewer files than what runs, or emptied ones; more may come', leftMs)
      : look;
  }

  async function listAll(from: Content, to: Content): Promise<FileDifference[]> {
    const all: FileDifference[] = [];
    for (const [i, tree] of to.trees.entries()) {
      const found = await runAsync(diffTrees(from.trees[i] as Sighting, tree));
      const { path: root } = paths[i] as WatchedPath;
      all.push(...found.map((each) => ({ ...each, path: toShown(root, each.path, paths.length === 1) })));
    }
    return all;
  }

  let underWay: Promise<Look> | undefined;
  return {
    paths,
    look() {
      underWay ??= runAsync(lookAtAll())
        .catch(unreadable)
        .finally(() => {
          underWay = undefined;
        });
      return underWay;
    },
    listDifferences: listAll,
    async difference(from, to) {
      const all = await listAll(from, to);
      const changed = all.filter((each) => each.from !== null && each.to !== null);
      const added = all.filter((each) => each.from === null);
      const removed = all.filter((each) => each.to === null);
      return { paths: [...changed, ...added, ...removed].map(({ path }) => path), from: from.version, to: to.version };
    },
    async whereToListen() {
      const each: Places[] = [];
      for (const [i, find] of places.entries()) each.push(await runAsync(find(passes[i] as Scan | null)));
      if (each.length === 1) return each[0] as Places;
      if (!merged.of.every((one, i) => one === each[i])) merged = { of: each, places: mergePlaces(each) };
      return merged.places;
    },
  };
}

/** What no error of ours foresaw must not end the wrapper, and with it the command. */
const unreadable = (error: Error): Look => ({
  state: 'unreadable',
  content: null,
  reason: error.message,
  retryInMs: null,
  filesRead: 0,
  directoriesRead: 0,
});

/** A directory may lead to one path, and be listed for another. */
function mergePlaces(each: readonly Places[]): Places {
  const all = new Map<string, Place>();
  for (const [id, place] of each.flatMap((places) => [...places])) {
    const { names } = all.get(id) ?? place;
    const isAll = names === null || place.names === null;
    all.set(id, { at: place.at, names: isAll ? null : new Set([...names, ...place.names]) });
  }
  return all;
}

/** An executable is listed as `.`, which tells people nothing. */
function toShown(root: string, path: string, isOne: boolean): string {
  if (!isOne) return join(root, path);
  return path === '.' ? writeText(basename(root)) : path;
}

function* diffTrees(from: Sighting, to: Sighting): Work<FileDifference[]> {
  if (from.fingerprint === to.fingerprint) return [];
  return listDifferences(yield* toManifest(from.pass, from.fingerprint), yield* toManifest(to.pass, to.fingerprint));
}

/** All of several looks: the worst of them decides. */
function sum(all: readonly Observation[]): Look {
  const filesRead = all.reduce((n, each) => n + each.filesRead, 0);
  const directoriesRead = all.reduce((n, each) => n + each.directoriesRead, 0);
  const cost = { filesRead, directoriesRead };
  const trees: Sighting[] = [];
  for (const each of all) {
    if ('tree' in each) trees.push(each.tree);
    else return { state: each.state, content: null, reason: each.error.message, retryInMs: null, ...cost };
  }
  const content: Content = {
    key: trees.map(({ fingerprint }) => fingerprint).join(' '),
    version: trees.map(({ pass }) => pass.subject.version).find((version) => version !== null) ?? null,
    trees,
  };
  const waiting = all.filter((each) => each.state === 'settling');
  if (waiting.length === 0) return { state: 'settled', content, reason: null, retryInMs: null, ...cost };
  const { rule, reason } = waiting[0] as (typeof waiting)[number];
  const retryInMs = Math.min(...waiting.map((each) => each.retryInMs));
  return { state: 'settling', content, rule, reason, retryInMs, ...cost };
}

/** The files that hold anything. */
function countFull({ trees }: Content): number {
  let count = 0;
  for (const { pass } of trees) for (let row = 0; row < pass.ids.length; row++) if (pass.ids.sizeOf(row) > 0) count++;
  return count;
}
