/**
 * What a run of the bench found, as plain data: every output is made of this.
 * @module
 */

import type { Kind } from '../../scan/coverage.ts';
import type { Counters, Spent } from './calls.ts';
import { quantile } from './measure.ts';

/** What is asked of a build, in the order in which it is shown. */
export type Work = 'cold' | 'beat' | 'first';

export const WORKS: readonly Work[] = ['cold', 'beat', 'first'];
export const WORK_NAMES: Readonly<Record<Work, string>> = { cold: 'cold build', beat: 'beat', first: 'first answer' };
/** The bare loop that each is held against. */
export const FLOOR_NAMES: Readonly<Record<Work, string>> = {
  cold: 'read loop',
  beat: 'lstat loop',
  first: 'lstat loop, fresh',
};

/** Shares are fractions: 0.01 is 1 %. */
export interface Limits {
  readonly budgetMs: number;
  readonly maxShare: number;
  readonly maxStallMs: number;
  readonly maxSlower: number;
}

export interface Spread {
  readonly median: number;
  readonly lower: number;
  readonly upper: number;
}

export const toSpread = (values: readonly number[]): Spread => ({
  median: quantile(values, 0.5),
  lower: quantile(values, 0.25),
  upper: quantile(values, 0.75),
});

/** Milliseconds. */
export interface Times extends Spread {
  readonly samples: readonly number[];
  /** CPU time of one run. */
  readonly user: number;
  readonly system: number;
  readonly floor: Spread;
  /** To the floor, of the same round. */
  readonly ratio: Spread;
  /** Of the budget: the median's. */
  readonly share: number;
}

/** A build, and what does not waver. */
export interface Build {
  readonly path: string;
  readonly kind: Kind;
  readonly name: string | null;
  readonly version: string | null;
  readonly fingerprint: string;
  readonly files: number;
  readonly directories: number;
  readonly bytes: number;
  readonly counters: Readonly<Record<Work, Counters>>;
}

/** Head's time by base's. */
export interface Ratio extends Spread {
  readonly quads: number;
  /** Base's by base's: the noise of this machine. */
  readonly noise: Spread;
}

export interface Judgement {
  readonly what: 'share' | 'stall' | Work;
  /** The lower quartile: three of four are above it. */
  readonly value: number;
  readonly limit: number;
  readonly over: boolean;
}

export interface Machine {
  readonly runtime: string;
  readonly platform: string;
  readonly cpu: string | null;
  readonly cores: number;
}

export interface Report extends Build {
  readonly machine: Machine;
  readonly limits: Limits;
  readonly times: Readonly<Record<Work, Times>>;
  /** Milliseconds. */
  readonly stalls: Readonly<Record<'cold' | 'beat', Spread>>;
  /** Milliseconds. */
  readonly spent: Readonly<Record<'cold' | 'beat', Spent>>;
  readonly baseline: (Build & { readonly ratios: Readonly<Record<Work, Ratio>> }) | null;
  readonly judged: readonly Judgement[];
  readonly verdict: 'within' | 'over';
}
