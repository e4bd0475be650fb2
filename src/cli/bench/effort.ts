/**
 * How much is measured.
 * @module
 */

import type { Limit } from './measure.ts';

/** So many rounds, or fewer once the time is up. Times are milliseconds. */
export interface Effort {
  readonly rounds: number;
  readonly roundsMs: number;
  readonly quads: number;
  readonly quadsMs: number;
  readonly warmUpMs: number;
  readonly stalls: number;
  readonly stallsMs: number;
}

export const FULL: Effort = {
  rounds: 41,
  roundsMs: 3_000,
  quads: 21,
  quadsMs: 5_000,
  warmUpMs: 250,
  stalls: 15,
  stallsMs: 3_000,
};
export const QUICK: Effort = {
  rounds: 15,
  roundsMs: 500,
  quads: 11,
  quadsMs: 1_000,
  warmUpMs: 100,
  stalls: 7,
  stallsMs: 500,
};
/** Fewer rounds have no quartiles to speak of. */
export const AT_LEAST = 5;

/** Told what is measured, and how much of it is done. */
export type Say = (what: string, done: number, total: number) => void;

/** @param limitMs for all rounds together */
export const toLimit = (what: string, limitMs: number, { warmUpMs }: Effort, say: Say): Limit => ({
  ...{ limitMs, atLeast: AT_LEAST, warmUpMs },
  onRound: (done, rounds) => say(what, done, rounds),
});
