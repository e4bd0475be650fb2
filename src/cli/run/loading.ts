/**
 * Tells for how long a command that was just started still loads its files: content that was there for a moment may be what it loaded.
 *
 * Nobody sees what a process reads. But while it loads it computes or waits for the disk, and when it has loaded it waits for events: so
 * on Linux it has loaded once all of its processes have slept for a while (proc(5)). Elsewhere, and for one that never sleeps, so
 * does the longest time.
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises';
import { listChildren, readStat } from '../../platform/proc.ts';
import type { Child } from './child.ts';

/** In milliseconds. */
const LOOK_MS = 50;
const ASLEEP_MS = 200;
const LONGEST_MS = 3_000;

/** Resolves when it has loaded. */
export async function untilLoaded({ pid, startedMs, ended }: Child): Promise<void> {
  let isOver = pid === undefined;
  void ended.then(() => {
    isOver = true;
  });
  let used = -1;
  let sinceMs = startedMs;
  while (!isOver && performance.now() - startedMs < LONGEST_MS) {
    await delay(LOOK_MS, undefined, { ref: false });
    const now = sumTicks(pid as number);
    if (now === undefined || now !== used) {
      used = now ?? -1;
      sinceMs = performance.now();
    }
    if (performance.now() - sinceMs >= ASLEEP_MS) return;
  }
}

/** Of the processor, used by it and all that it started. Undefined where one does not sleep. */
function sumTicks(pid: number): number | undefined {
  const stat = readStat(pid);
  if (stat === undefined || !/^[SZ]/.test(stat.state)) return undefined;
  const children = listChildren(pid).map(sumTicks);
  return children.includes(undefined)
    ? undefined
    : children.reduce<number>((sum, ticks) => sum + (ticks ?? 0), stat.ticks);
}
