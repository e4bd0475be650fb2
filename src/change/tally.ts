/**
 * What the beats of this process found so far, as plain data.
 * @module
 */

import type { Check } from './detector.ts';
import { createHistogram, type Histogram, observe } from './histogram.ts';

export interface Tally {
  /** How long the looks took. */
  readonly seconds: Histogram;
  /** How many files differed, once for each new content. */
  readonly changedFiles: Histogram;
  /** Null before the first beat. */
  readonly last: Check | null;
  /** The fingerprint that was concluded last: with `settling` and `missing` nothing is. */
  readonly concluded: string | null;
}

export const EMPTY_TALLY: Tally = {
  seconds: createHistogram([0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10]),
  changedFiles: createHistogram([1, 3, 10, 30, 100, 300, 1000, 3000, 10_000]),
  last: null,
  concluded: null,
};

export function tallyBeat({ seconds, changedFiles, concluded }: Tally, check: Check, elapsedMs: number): Tally {
  const { verdict, fingerprint, changes } = check;
  const isConclusion = verdict === 'changed' || verdict === 'current';
  const isNew = verdict === 'changed' && fingerprint !== concluded;
  const files = changes === undefined ? 0 : changes.added.length + changes.removed.length + changes.changed.length;
  return {
    seconds: observe(seconds, elapsedMs / 1000),
    changedFiles: isNew ? observe(changedFiles, files) : changedFiles,
    last: check,
    concluded: isConclusion ? fingerprint : concluded,
  };
}
