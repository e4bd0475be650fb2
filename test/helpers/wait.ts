import type { Check, Detector } from '../../src/change/detector.ts';
import { RACY_MS } from '../../src/disk/stat.ts';

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** After it, what was written before is known by its timestamps alone, once it is read (stat.ts). */
export const notRacy = (): Promise<void> => sleep(RACY_MS + 50);

/** Looks again and again for what `get` gives at last. Fails, naming it, where that never comes. */
export async function until<T>(
  what: string,
  get: () => T | undefined | Promise<T | undefined>,
  everyMs = 10,
  withinMs = 12_000,
): Promise<T> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const value = await get();
    if (value !== undefined) return value;
    if (performance.now() > deadlineMs) throw new Error(`waited in vain for ${what}`);
    await sleep(everyMs);
  }
}

/** The first verdict that is a conclusion. */
export function settled(detector: Pick<Detector, 'check'>): Promise<Check> {
  return until('a settled verdict', async () => {
    const check = await detector.check();
    return check.verdict === 'settling' ? undefined : check;
  });
}
