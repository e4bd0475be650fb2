/**
 * The longest time for which asynchronous work holds the event loop.
 *
 * `perf_hooks.monitorEventLoopDelay` at its resolution of 1 ms: a timer of libuv fires each millisecond and records how long ago it
 * last fired. So a stall of 4 ms shows as 4 to 5 ms, and an idle loop as 1.1; nothing is subtracted.
 * The histogram is read a few milliseconds after the work has ended, so that it includes the last stretch.
 * @module
 */

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds. By then the histogram's timer has fired again. */
export const AFTERMATH_MS = 5;

/** Milliseconds. */
export async function measureStall(work: () => Promise<unknown>): Promise<number> {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  await sleep(AFTERMATH_MS);
  histogram.reset();
  await work();
  await sleep(AFTERMATH_MS);
  histogram.disable();
  return histogram.max / 1e6;
}
