/**
 * A build that is measured, and how each work is done on it.
 * @module
 */

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDetector, type Detector } from '../../change/detector.ts';
import { RACY_MS } from '../../disk/stat.ts';
import { buildManifest } from '../../manifest/build.ts';
import { type Watched, watchCalls } from './calls.ts';
import { type Answer, sayChanged, toFirstAnswer, toFirstStats } from './first-answer.ts';
import { readAll, statAll } from './floor.ts';
import type { Contender } from './measure.ts';
import type { Work } from './report.ts';
import type { Target } from './target.ts';

export interface Side {
  readonly target: Target;
  readonly detector: Detector;
  readonly cacheFile: string;
  readonly answer: () => Answer;
  readonly stats: () => Answer;
}

/**
 * @param library the URL of distprint's own entry point
 * @param scratch a folder that may be written
 */
export function prepare(target: Target, name: string, library: string, scratch: string): Side {
  const cacheFile = join(scratch, `${name}.cache`);
  return {
    target,
    detector: watchTarget(target),
    cacheFile,
    answer: toFirstAnswer(library, target, cacheFile),
    stats: toFirstStats(target, join(scratch, `${name}.json`)),
  };
}

const watchTarget = ({ path, coverage }: Target, cacheFile?: string): Detector =>
  createDetector({ path, ...coverage, ...(cacheFile !== undefined && { cacheFile }) });

/** Until a beat reads nothing, or it turns out that this file system's stats never suffice. Leaves the cache file behind. */
export async function settle({ target, detector, cacheFile }: Side): Promise<void> {
  const untilMs = performance.now() + RACY_MS + 200;
  const readsNothing = async () => {
    const { filesRead, directoriesRead } = await detector.check();
    return filesRead + directoriesRead === 0;
  };
  while (!(await readsNothing()) && performance.now() < untilMs) await sleep(50);
  watchTarget(target, cacheFile);
}

export async function insistThatUnchanged({ target, detector }: Side): Promise<void> {
  if ((await detector.check()).verdict !== 'current') throw sayChanged(target.path);
}

/** What each work calls. */
export async function watch({ target, detector, cacheFile }: Side): Promise<Record<Work, Watched>> {
  return {
    cold: await watchCalls(() => buildManifest(target.path, target.coverage)),
    beat: await watchCalls(() => detector.check()),
    first: await watchCalls(() => watchTarget(target, cacheFile)),
  };
}

/** Each work as it is timed. */
export function toContender(work: Work, { target, detector, answer }: Side, name: string): Contender {
  if (work === 'cold') return { name, run: () => buildManifest(target.path, target.coverage) };
  if (work === 'beat') return { name, run: () => detector.check() };
  return { name, run: { elsewhere: async () => answer().ms, isFresh: true } };
}

/** Its floor, likewise. */
export function toFloor(work: Work, { target, stats }: Side): Contender {
  const name = 'floor';
  if (work === 'cold') return { name, run: () => readAll(target.files) };
  const places = [...target.files, ...target.directories];
  if (work === 'beat') return { name, run: () => statAll(places) };
  return { name, run: { elsewhere: async () => stats().ms, isFresh: true } };
}
