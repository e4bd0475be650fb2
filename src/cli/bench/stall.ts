/**
 * The longest time for which asynchronous work holds the event loop: the longest turn of the loop while it is under way.
 *
 * A turn is timed without its wait for a core (measure.ts). The usual way, `perf_hooks.monitorEventLoopDelay`, is a clock on the wall:
 * on a busy machine it shows how long the scheduler let others run, 14 ms for a beat of 2.
 * @module
 */

import { startWorkClock } from './measure.ts';

/** Milliseconds. */
export async function measureStall(work: () => Promise<unknown>): Promise<number> {
  let longestMs = 0;
  let isDone = false;
  let readMs = startWorkClock();
  const turn = () => {
    longestMs = Math.max(longestMs, readMs());
    if (isDone) return;
    readMs = startWorkClock();
    setImmediate(turn);
  };
  setImmediate(turn);
  await work();
  isDone = true;
  turn();
  return longestMs;
}
