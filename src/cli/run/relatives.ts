/**
 * Whom a command has started, where parents alone tell that: on Windows. Each look asks for a list of all processes, which takes a tenth of
 * a second or more.
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises';
import { platform } from '../../platform/index.ts';
import { findDescendants, type ProcessEntry, type Relative } from '../../platform/process-table.ts';
import { send } from './end-tree.ts';

export interface Relatives {
  /**
   * The PIDs of those that live; not that of the first process. Who was seen once stays known when its parent has ended: so this is to be
   * called while the first process lives.
   */
  look(): Promise<number[]>;
}

/**
 * Null where signals and marks tell more.
 * @param root the first process
 * @param endedMs when that was known to have ended: Date.now(). Infinity while it lives
 */
export function createRelatives(root: ProcessEntry, endedMs: () => number): Relatives | null {
  const { listProcesses } = platform;
  if (listProcesses === null) return null;
  let known: readonly Relative[] = [];
  let looking: Promise<unknown> = Promise.resolve();
  async function look(): Promise<number[]> {
    const listedMs = Date.now();
    const all = await (listProcesses as NonNullable<typeof listProcesses>)();
    known = findDescendants({ ...root, endedMs: endedMs() }, known, all, listedMs);
    return known.filter((one) => one.endedMs === Infinity).map(({ pid }) => pid);
  }
  return {
    look() {
      const next = looking.then(look);
      looking = next;
      return next;
    },
  };
}

/** In milliseconds. A process that is ended is gone at once, unless it hangs in the kernel. */
const END_MS = 5_000;
const LOOK_MS = 50;

/** Ends them all at once: there is no other way. Resolves with the PIDs of those that nothing ends. */
export async function endRelatives(relatives: Relatives): Promise<number[]> {
  const deadlineMs = performance.now() + END_MS;
  for (;;) {
    const left = await relatives.look();
    if (left.length === 0 || performance.now() > deadlineMs) return left;
    for (const pid of left) send(pid, 'SIGKILL');
    await delay(LOOK_MS);
  }
}
