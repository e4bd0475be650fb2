/**
 * The course of a bench: counters first, then times, then stalls, then base and head against each other.
 *
 * A cold build comes first. It doesn't care whether a file was written a moment ago, while a beat reads such a file again (stat.ts): by
 * the time beats are measured, the build that came before this is mostly old enough.
 * @module
 */

import { cpus, release, type } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDetector, type Detector } from '../../change/detector.ts';
import { RACY_MS } from '../../disk/stat.ts';
import { buildManifest } from '../../manifest/build.ts';
import type { CoverageOptions } from '../../scan/coverage.ts';
import { type Watched, watchCalls } from './calls.ts';
import { type Answer, sayChanged, toFirstAnswer, toFirstStats } from './first-answer.ts';
import { readAll, statAll } from './floor.ts';
import { judge, judgeRatio } from './judge.ts';
import { type Contender, interleave, type Limit, type Round } from './measure.ts';
import { measureQuads, type Quads } from './quads.ts';
import {
  type Build,
  type Limits,
  type Machine,
  type Ratio,
  type Report,
  type Spread,
  type Times,
  toSpread,
  WORK_NAMES,
  WORKS,
  type Work,
} from './report.ts';
import { measureStall } from './stall.ts';
import { openBaseline, openTarget, type Target } from './target.ts';

export interface BenchOptions {
  readonly path: string;
  readonly coverage: CoverageOptions;
  readonly limits: Limits;
  /** The path of the build to compare with. */
  readonly baseline: string | undefined;
  readonly quick: boolean;
  /** The URL of distprint's own entry point, for fresh processes. */
  readonly library: string;
  /** A folder that may be written. */
  readonly scratch: string;
  /** Told what is measured, and how much of it is done. */
  readonly say: (what: string, done: number, total: number) => void;
}

/** How much is measured: so many rounds, or fewer once the time is up. */
interface Effort {
  readonly rounds: number;
  readonly roundsMs: number;
  readonly quads: number;
  readonly quadsMs: number;
  readonly warmUpMs: number;
  readonly stalls: number;
}

const FULL: Effort = { rounds: 41, roundsMs: 3_000, quads: 21, quadsMs: 5_000, warmUpMs: 250, stalls: 15 };
const QUICK: Effort = { rounds: 15, roundsMs: 500, quads: 11, quadsMs: 1_000, warmUpMs: 100, stalls: 7 };
/** Fewer rounds have no quartiles to speak of. */
const AT_LEAST = 5;

/**
 * @throws what `openTarget` and `openBaseline` throw; ERR_DISTPRINT_UNSTABLE where something changes meanwhile
 */
export async function measureBuild(options: BenchOptions): Promise<Report> {
  const { path, coverage, baseline, limits, quick } = options;
  const effort = quick ? QUICK : FULL;
  const target = await openTarget(path, coverage);
  const baseTarget = baseline === undefined ? undefined : await openBaseline(baseline, target);
  const head = prepare(target, 'head', options);
  const base = baseTarget && prepare(baseTarget, 'base', options);
  const sides = base === undefined ? [head] : [base, head];

  const cold = await timeWork('cold', head, options, effort);
  for (const side of sides) await settle(side);
  const watched = await watch(head);
  const times = {
    cold,
    beat: await timeWork('beat', head, options, effort),
    first: await timeWork('first', head, options, effort),
  };
  const stalls = await measureStalls(head, options, effort);
  const ratios = base && (await compare(base, head, options, effort));
  for (const side of sides) await insistThatUnchanged(side);

  const judged = judge({ times, stalls, ratios }, limits);
  return {
    ...toBuild(head.target, watched),
    machine: describeMachine(),
    limits,
    times,
    stalls,
    spent: { cold: watched.cold.spent, beat: watched.beat.spent },
    baseline: base && ratios ? { ...toBuild(base.target, await watch(base)), ratios } : null,
    judged,
    verdict: judged.some(({ over }) => over) ? 'over' : 'within',
  };
}

/** A build, and how each work is done on it. */
interface Side {
  readonly target: Target;
  readonly detector: Detector;
  readonly cacheFile: string;
  readonly answer: () => Answer;
  readonly stats: () => Answer;
}

function prepare(target: Target, name: string, { library, scratch }: BenchOptions): Side {
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
async function settle({ target, detector, cacheFile }: Side): Promise<void> {
  const untilMs = performance.now() + RACY_MS + 200;
  const readsNothing = async () => {
    const { filesRead, directoriesRead } = await detector.check();
    return filesRead + directoriesRead === 0;
  };
  while (!(await readsNothing()) && performance.now() < untilMs) await sleep(50);
  watchTarget(target, cacheFile);
}

async function insistThatUnchanged({ target, detector }: Side): Promise<void> {
  if ((await detector.check()).verdict !== 'current') throw sayChanged(target.path);
}

async function watch({ target, detector, cacheFile }: Side): Promise<Record<Work, Watched>> {
  return {
    cold: await watchCalls(() => buildManifest(target.path, target.coverage)),
    beat: await watchCalls(() => detector.check()),
    first: await watchCalls(() => watchTarget(target, cacheFile)),
  };
}

const toBuild = (target: Target, watched: Record<Work, Watched>): Build => {
  const { path, kind, name, version, fingerprint, files, directories, bytes } = target;
  const { cold, beat, first } = watched;
  return {
    ...{ path, kind, name, version, fingerprint, files: files.length, directories: directories.length, bytes },
    counters: { cold: cold.counters, beat: beat.counters, first: first.counters },
  };
};

/** Each work as it is timed. */
function toContender(work: Work, { target, detector, answer }: Side, name: string): Contender {
  if (work === 'cold') return { name, run: () => buildManifest(target.path, target.coverage) };
  if (work === 'beat') return { name, run: () => detector.check() };
  return { name, run: { elsewhere: async () => answer().ms, isFresh: true } };
}

function toFloor(work: Work, { target, stats }: Side): Contender {
  const { files, directories } = target;
  const name = 'floor';
  if (work === 'cold') return { name, run: () => readAll(files) };
  if (work === 'beat') return { name, run: () => statAll([...files, ...directories]) };
  return { name, run: { elsewhere: async () => stats().ms, isFresh: true } };
}

async function timeWork(work: Work, side: Side, { limits, say }: BenchOptions, effort: Effort): Promise<Times> {
  const ours = toContender(work, side, 'ours');
  const limit: Limit = {
    limitMs: effort.roundsMs,
    atLeast: AT_LEAST,
    warmUpMs: effort.warmUpMs,
    onRound: (done, rounds) => say(WORK_NAMES[work], done, rounds),
  };
  const rounds = await interleave([ours, toFloor(work, side)], effort.rounds, limit);
  const of = (name: string) => rounds.map((round: Round) => round.get(name) as number);
  const [samples, floors] = [of('ours'), of('floor')];
  const spread = toSpread(samples);
  return {
    ...spread,
    samples,
    ...(await measureCpu(work, side, ours)),
    floor: toSpread(floors),
    ratio: toSpread(samples.map((ms, i) => ms / (floors[i] as number))),
    share: spread.median / limits.budgetMs,
  };
}

/** CPU milliseconds of one run, the mean of those that fill 100 ms. */
async function measureCpu(work: Work, { answer }: Side, { run }: Contender): Promise<{ user: number; system: number }> {
  if (work === 'first' || typeof run !== 'function') {
    const { user, system } = answer();
    return { user, system };
  }
  const before = process.cpuUsage();
  let runs = 0;
  for (const startedMs = performance.now(); performance.now() - startedMs < 100; runs++) await run();
  const { user, system } = process.cpuUsage(before);
  return { user: user / 1000 / runs, system: system / 1000 / runs };
}

async function measureStalls(
  { target, detector }: Side,
  { say }: BenchOptions,
  effort: Effort,
): Promise<Report['stalls']> {
  const stalls = { cold: [] as number[], beat: [] as number[] };
  for (let run = 0; run < effort.stalls; run++) {
    stalls.beat.push(await measureStall(() => detector.check()));
    stalls.cold.push(await measureStall(() => buildManifest(target.path, target.coverage)));
    say('stalls', run + 1, effort.stalls);
  }
  return { cold: toSpread(stalls.cold), beat: toSpread(stalls.beat) };
}

async function compare(base: Side, head: Side, options: BenchOptions, effort: Effort): Promise<Record<Work, Ratio>> {
  const ratios: Partial<Record<Work, Ratio>> = {};
  for (const work of WORKS) ratios[work] = await compareWork(work, base, head, options, effort);
  return ratios as Record<Work, Ratio>;
}

/** What is over the bound is measured once more, and the quads of both tries count. */
async function compareWork(
  work: Work,
  base: Side,
  head: Side,
  { limits, say }: BenchOptions,
  effort: Effort,
): Promise<Ratio> {
  const sides = [toContender(work, base, 'base'), toContender(work, head, 'head')] as const;
  const limit: Limit = {
    limitMs: effort.quadsMs,
    atLeast: AT_LEAST,
    warmUpMs: effort.warmUpMs,
    onRound: (done, quads) => say(`${WORK_NAMES[work]} of both`, done, quads),
  };
  const first = await measureQuads(...sides, effort.quads, limit);
  const ratio = toRatio(first);
  if (!judgeRatio(work, ratio, 1 + limits.maxSlower).over) return ratio;
  const second = await measureQuads(...sides, effort.quads, limit);
  return toRatio({ ratios: [...first.ratios, ...second.ratios], noise: [...first.noise, ...second.noise] });
}

const toRatio = ({ ratios, noise }: Quads): Ratio => ({
  ...(toSpread(ratios) satisfies Spread),
  quads: ratios.length,
  noise: toSpread(noise),
});

function describeMachine(): Machine {
  const [cpu] = cpus();
  return {
    runtime: `Node ${process.versions.node}`,
    platform: `${type()} ${release()}, ${process.arch}`,
    cpu: cpu?.model.trim() ?? null,
    cores: cpus().length,
  };
}
