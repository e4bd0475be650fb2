/**
 * A rollout to a fleet, with the runner's own gates and a simulated clock.
 *
 * What is the real thing: each machine's decision at each beat, its turn, its idle gate and its back-off (src/runner/handoff/gate.ts). What is
 * drawn: when the push arrives, when a host is busy, how long new code takes to load. A machine knows nothing of the others, so each is
 * followed by itself.
 */

import {
  DEFAULT_LIMITS,
  EMPTY_HISTORY,
  type History,
  recordFailure,
  weighHandoff,
} from '../../src/runner/handoff/gate.ts';
import { random } from '../../test/helpers/seed.ts';

/** Times are in milliseconds. */
export interface Rollout {
  readonly machines: number;
  readonly seed: number;
  readonly spreadMs: number;
  /** Whether each host is busy for half of the time, and then postpones. */
  readonly isBusy: boolean;
  /** Where it is given, the release fails each rehearsal, and so long after the push the release before it is installed again. */
  readonly badUntilMs?: number;
}

/** What became of one machine. Times are from the push on. */
export interface Moved {
  /** When it began to hand off, each time. */
  readonly beganMs: readonly number[];
  /** When the new code served alone. Null where it never did. */
  readonly movedMs: number | null;
  /** From when to when each process served, the first one first. */
  readonly served: readonly { readonly fromMs: number; readonly toMs: number }[];
}

const PUSH_MS = Date.UTC(2026, 10, 24);
/** The push reaches all machines within that: the worst case, in which all of them are woken at once. */
const ARRIVAL_MS = 1_000;
const SETTLE_MS = 2_000;
const INTERVAL_MS = 10_000;
/** A rehearsal, and after it a start and the proof. */
const LOAD_MS = { least: 500, most: 4_000 };
const PROVE_MS = 3_000;
/** On average; the times are drawn from an exponential distribution. */
const BUSY_MS = 30_000;

export function rollOut(rollout: Rollout): Moved[] {
  const draw = random(rollout.seed);
  const drawn = Array.from({ length: rollout.machines }, (_, i) => ({ who: `machine ${i}`, seed: draw() * 2 ** 32 }));
  return drawn.map(({ who, seed }) => follow(rollout, who, random(seed)));
}

function follow({ spreadMs, isBusy, badUntilMs }: Rollout, who: string, draw: () => number): Moved {
  const target = { fingerprint: badUntilMs === undefined ? 'good' : 'bad', version: '2.0.0' };
  const spread = { who, spreadMs };
  const isIdle = isBusy ? createHost(draw) : () => true;
  const beganMs: number[] = [];
  let history: History = EMPTY_HISTORY;
  let nowMs = PUSH_MS + draw() * ARRIVAL_MS + SETTLE_MS;
  while (badUntilMs === undefined || nowMs < PUSH_MS + badUntilMs) {
    const weighed = weighHandoff(target.fingerprint, history, DEFAULT_LIMITS, spread, nowMs, isIdle(nowMs));
    const { judged } = weighed;
    history = weighed.history;
    if (!judged.go) {
      // As a runner's beat does: at its turn, else at the next beat.
      nowMs = judged.gate === 'turn' ? Math.min(judged.untilMs, nowMs + INTERVAL_MS) : nowMs + INTERVAL_MS;
      continue;
    }
    const began = nowMs;
    beganMs.push(began - PUSH_MS);
    nowMs += LOAD_MS.least + draw() * (LOAD_MS.most - LOAD_MS.least);
    if (badUntilMs !== undefined) {
      // It failed its rehearsal. The old process serves on.
      history = recordFailure(history, target, 'it threw', DEFAULT_LIMITS, nowMs, draw());
      nowMs += INTERVAL_MS;
      continue;
    }
    // Strategy respawn: the replacement is ready, and lives on for a while before the old process leaves.
    const readyMs = nowMs + (nowMs - began) - PUSH_MS;
    const movedMs = readyMs + PROVE_MS;
    const served = [
      { fromMs: -Infinity, toMs: movedMs },
      { fromMs: readyMs, toMs: Infinity },
    ];
    return { beganMs, movedMs, served };
  }
  return { beganMs, movedMs: null, served: [{ fromMs: -Infinity, toMs: Infinity }] };
}

/** Whether it is busy at a time; times are asked in order. Half of the time, in turns of random length. */
function createHost(draw: () => number): (atMs: number) => boolean {
  let isIdle = draw() < 0.5;
  let untilMs = PUSH_MS;
  const turnMs = () => -Math.log(1 - draw()) * BUSY_MS;
  untilMs += turnMs();
  return (atMs) => {
    while (untilMs <= atMs) {
      untilMs += turnMs();
      isIdle = !isIdle;
    }
    return isIdle;
  };
}

/** The most of the times that lie within one window of that length. */
export function countMost(timesMs: readonly number[], windowMs: number): number {
  const sorted = [...timesMs].sort((a, b) => a - b);
  let first = 0;
  let most = 0;
  for (const [last, atMs] of sorted.entries()) {
    while ((sorted[first] as number) <= atMs - windowMs) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

/** Whether nobody served at some time. */
export const wasOffline = ({ served }: Pick<Moved, 'served'>): boolean =>
  served.some(({ fromMs }, i) => fromMs > (served[i - 1]?.toMs ?? -Infinity));
