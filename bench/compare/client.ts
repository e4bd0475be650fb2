/** A client that asks again and again, and does not wait for one answer before it asks for the next. */

import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from './session.ts';

export interface Asked {
  readonly count: number;
  /** How often each error came. */
  readonly failures: Readonly<Record<string, number>>;
}

export const countFailures = ({ failures }: Asked): number =>
  Object.values(failures).reduce((sum, count) => sum + count, 0);

/**
 * Asks every so many milliseconds, on a connection of its own each time, until `isOver`.
 * @param where a port of this machine, or a socket's path
 */
export async function askUntil(
  where: { port: number } | { socketPath: string },
  everyMs: number,
  isOver: (count: number) => boolean,
): Promise<Asked> {
  const failures: Record<string, number> = {};
  const underWay = new Set<Promise<void>>();
  const startedMs = performance.now();
  let count = 0;
  while (!isOver(count)) {
    const asked: Promise<void> = ask(where, TIMEOUT_MS)
      .then(
        () => {},
        (error: NodeJS.ErrnoException) => {
          const name = error.code ?? error.message;
          failures[name] = (failures[name] ?? 0) + 1;
        },
      )
      .finally(() => underWay.delete(asked));
    underWay.add(asked);
    count++;
    while (underWay.size >= MAX_UNDER_WAY) await Promise.race(underWay);
    await sleep(Math.max(0, startedMs + count * everyMs - performance.now()));
  }
  await Promise.all(underWay);
  return { count, failures };
}

/** Fewer than the 511 that Node lets wait on a socket: what would be counted else is the kernel's limit. */
export const MAX_UNDER_WAY = 400;
/** A connection that waits so long has failed: nobody accepts it. */
const TIMEOUT_MS = 10_000;
