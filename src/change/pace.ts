/**
 * How soon an event may have a look for its answer: at once where all was quiet, and never so often that the host starves.
 * @module
 */

import type { Check } from './detector.ts';

/** What a look saw. */
export type Seen = Pick<Check, 'fingerprint' | 'retryInMs'>;

/** Milliseconds from the first event to the look: a burst costs one. */
const GATHER_MS = 50;
/** A look is followed by a rest of so many times its work (not its wait for a core or a disk): it takes a fifth of a core at most. */
const REST = 4;
/** The longer things move without a pause, the longer the rest: by this part of that time. */
const PATIENCE = 0.02;
/**
 * Each look in vain makes the rest longer by so much, until one finds something or nothing moves. So what a look itself causes (a state
 * file in the tree that does not count, say) can't wake the next one for ever.
 */
const GROWTH = 1.25;
/** But an event waits no longer for its look: what has come last may be the end of an upgrade. */
const LONGEST_PATIENCE_MS = 2_000;

export interface Pace {
  /** An event was heard. */
  hear(): void;
  /** A look begins. */
  begin(isWoken: boolean): void;
  /** It has ended. */
  end(seen: Seen | undefined): void;
  /** When an event that is heard now may have its look, in milliseconds of `performance.now()`. */
  soonestMs(): number;
}

export function createPace(): Pace {
  let heardMs = -Infinity;
  /** When the events began that have come without a pause since. */
  let movingSinceMs = 0;
  let look: { begunMs: number; cpu: NodeJS.CpuUsage; isWoken: boolean; isOver: boolean } | undefined;
  let restUntilMs = 0;
  /** Of what was there last. */
  let fingerprint: string | null = null;
  /** How many looks in a row were woken and found nothing new. */
  let inVain = 0;

  return {
    hear() {
      const nowMs = performance.now();
      const isPause = look === undefined || (look.isOver && heardMs < look.begunMs && nowMs > restUntilMs);
      if (isPause) movingSinceMs = nowMs;
      heardMs = nowMs;
    },
    begin(isWoken) {
      look = { begunMs: performance.now(), cpu: process.cpuUsage(), isWoken, isOver: false };
    },
    end(seen) {
      if (look === undefined) return;
      const nowMs = performance.now();
      const isNew = seen !== undefined && (seen.fingerprint === null || seen.fingerprint !== fingerprint);
      fingerprint = seen?.fingerprint ?? fingerprint;
      inVain = isNew || !look.isWoken ? 0 : inVain + 1;
      const longMs = inVain > 0 ? GATHER_MS * GROWTH ** inVain : PATIENCE * (nowMs - movingSinceMs);
      const patienceMs = Math.min(longMs, LONGEST_PATIENCE_MS);
      const { user, system } = process.cpuUsage(look.cpu);
      const workMs = Math.min(nowMs - look.begunMs, (user + system) / 1000);
      restUntilMs = nowMs + Math.max(REST * workMs, look.isWoken ? patienceMs : 0);
      look.isOver = true;
    },
    soonestMs: () => Math.max(performance.now() + GATHER_MS, restUntilMs),
  };
}
