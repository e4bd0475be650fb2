/**
 * How soon an event may have a look for its answer: at once where all was quiet, and never so often that the host starves.
 * @module
 */

import type { Check } from './detector.ts';

/** What a look saw. */
export type Seen = Pick<Check, 'fingerprint' | 'retryInMs'>;

/** Milliseconds from the first event to the look: a burst costs one. */
const GATHER_MS = 50;
/** A look is followed by a rest of so many times its length: looks that are woken take a fifth of the time at most. */
const REST = 4;
/**
 * The longer events come without a pause, the longer the rest, by this part of that time. After a look in vain it is a larger part: so
 * what a beat itself causes (a state file that is written in the tree, and does not count) can't wake the next one for ever.
 */
const PATIENCE = { found: 0.02, vain: 0.5 };

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
  /** When the events began that have come without a pause since. */
  let movingSinceMs: number | null = null;
  let begunMs = 0;
  let restUntilMs = 0;
  /** Of what was there last. */
  let fingerprint: string | null = null;
  return {
    hear() {
      movingSinceMs ??= performance.now();
    },
    begin(isWoken) {
      if (!isWoken) movingSinceMs = null;
      begunMs = performance.now();
    },
    end(seen) {
      const isVain = seen === undefined || (seen.fingerprint !== null && seen.fingerprint === fingerprint);
      fingerprint = seen?.fingerprint ?? fingerprint;
      const nowMs = performance.now();
      const movingMs = nowMs - (movingSinceMs ?? nowMs);
      restUntilMs = nowMs + Math.max(REST * (nowMs - begunMs), (isVain ? PATIENCE.vain : PATIENCE.found) * movingMs);
    },
    soonestMs: () => Math.max(performance.now() + GATHER_MS, restUntilMs),
  };
}
