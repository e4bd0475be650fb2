/**
 * How everything is timed.
 *
 * All contenders are warmed up. Then each does its job once a round, in an order that is drawn anew; a short job is repeated until it
 * fills `MIN_SAMPLE_MS`, and the mean counts. So a machine that slows down slows all of them down, and nobody always follows the
 * one that empties the processor's caches. Just before it is timed, each runs once uncounted, unless that takes a second:
 * otherwise the caches would be measured, and not the work.
 *
 * Where all contenders run in this process, what they wait for a core is left out: the lesser of wall clock and CPU time counts. On an
 * idle machine the two agree, since the files are in the kernel's cache. Against another process the wall clock counts, for both.
 * @module
 */

import { isWindows } from '../../platform/paths.ts';

/** One way of doing the job. */
export interface Contender {
  readonly name: string;
  /** Does the job once. If another process does and times it, returns the milliseconds; one that starts anew each time has nothing to warm up. */
  readonly run: (() => unknown) | { readonly elsewhere: () => Promise<number>; readonly isFresh?: boolean };
}

/** Milliseconds of each contender in one round. */
export type Round = ReadonlyMap<string, number>;

const MIN_SAMPLE_MS = 5;
const MAX_REPEATS = 500;
const LONG_MS = 1_000;
/** By then a manifest of 1,000 files was built some 40 times, and the compiler is done with it. */
const WARM_UP_MS = 250;
const MIN_WARM_UPS = 3;
const MAX_WARM_UP_MS = 1_000;

export function medianMs(pool: readonly Round[], name: string): number {
  return median(pool.flatMap((round) => round.get(name) ?? []));
}

/** When to stop before all rounds are done. */
export interface Limit {
  /** Milliseconds after which no round begins. */
  readonly limitMs: number;
  /** So many rounds there are at least. */
  readonly atLeast: number;
  /** Milliseconds for each contender to warm up. */
  readonly warmUpMs?: number;
  /** Told after each round. */
  readonly onRound?: (done: number, rounds: number) => void;
}

/** Warms all contenders up, then times them round by round. */
export async function interleave(contenders: readonly Contender[], rounds: number, limit?: Limit): Promise<Round[]> {
  const startClock = clockFor(contenders);
  const plans = await planAll(contenders, limit?.warmUpMs);
  const measured: Round[] = [];
  const startedMs = performance.now();
  const isOver = (round: number) =>
    limit !== undefined && round >= limit.atLeast && performance.now() - startedMs > limit.limitMs;
  for (let round = 0; round < rounds && !isOver(round); round++) {
    const times = new Map<string, number>();
    for (const contender of shuffle(contenders)) {
      const { isUncountedFirst, repeats } = plans.get(contender) as Plan;
      if (isUncountedFirst) await sample(contender, 1, startClock);
      times.set(contender.name, await sample(contender, repeats, startClock));
    }
    measured.push(times);
    limit?.onRound?.(round + 1, rounds);
  }
  return measured;
}

export function clockFor(contenders: readonly Contender[]): () => Clock {
  const isOurs = contenders.every(({ run }) => typeof run === 'function');
  return isOurs ? startWorkClock : startWallClock;
}

/** Warms each one up. */
export async function planAll(contenders: readonly Contender[], warmUpMs?: number): Promise<Map<Contender, Plan>> {
  const plans = new Map<Contender, Plan>();
  for (const contender of contenders) plans.set(contender, await warmUp(contender, warmUpMs));
  return plans;
}

export function shuffle<T>(items: readonly T[]): T[] {
  const drawn = items.map((item) => [Math.random(), item] as const);
  return drawn.sort(([a], [b]) => a - b).map(([, item]) => item);
}

export interface Plan {
  /** Whether it runs once uncounted, before each sample. */
  readonly isUncountedFirst: boolean;
  /** How often a sample does the job. */
  readonly repeats: number;
}

/** Runs it until the compiler should be done, and plans its samples. A process that starts anew each time can't be warmed up. */
async function warmUp(contender: Contender, warmUpMs = WARM_UP_MS): Promise<Plan> {
  if (typeof contender.run !== 'function' && contender.run.isFresh) return { isUncountedFirst: false, repeats: 1 };
  const started = performance.now();
  const spent = () => performance.now() - started;
  const isDone = (runs: number) => {
    if (typeof contender.run !== 'function') return runs > 0;
    return spent() > (runs < MIN_WARM_UPS ? MAX_WARM_UP_MS : warmUpMs);
  };
  let fastestMs = Infinity;
  for (let runs = 0; !isDone(runs); runs++) {
    fastestMs = Math.min(fastestMs, await sample(contender, 1, startWallClock));
  }
  const isUncountedFirst = fastestMs < LONG_MS;
  return { isUncountedFirst, repeats: Math.min(MAX_REPEATS, Math.max(1, Math.ceil(MIN_SAMPLE_MS / fastestMs))) };
}

/** Milliseconds a run. A synchronous job is not awaited: that would cost more than a small one takes. */
export async function sample({ run }: Contender, repeats: number, startClock: () => Clock): Promise<number> {
  if (typeof run !== 'function') {
    let ms = 0;
    for (let i = 0; i < repeats; i++) ms += await run.elsewhere();
    return ms / repeats;
  }
  const readMs = startClock();
  for (let i = 0; i < repeats; i++) {
    const result = run();
    if (result instanceof Promise) await result;
  }
  return readMs() / repeats;
}

/** Milliseconds since its start. */
export type Clock = () => number;

function startWallClock(): Clock {
  const started = performance.now();
  return () => performance.now() - started;
}

/** The wall clock without the time spent waiting for a core. Windows counts CPU time in ticks of 16 ms: there it is the wall clock. */
export function startWorkClock(): Clock {
  const readMs = startWallClock();
  if (isWindows) return readMs;
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return Math.min(readMs(), (user + system) / 1000);
  };
}

export const median = (values: readonly number[]) => quantile(values, 0.5);

/** Interpolates between neighbours. NaN if there are no values. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

/** Times those of the contenders that are asked for. */
export function toMeasure(contenders: readonly Contender[]) {
  return (rounds: number, names: ReadonlySet<string>) =>
    interleave(
      contenders.filter(({ name }) => names.has(name)),
      rounds,
    );
}
