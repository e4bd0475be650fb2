/**
 * Targets that the product really misses. They are printed as MISSED and fail `--check`.
 * `--check --known`, which gates a change, lets each pass up to its ceiling, so that none gets worse unseen.
 * Noise is no reason to be listed here: the quartile rule (claims.ts) deals with it.
 */

import type { Head } from './claims.ts';

interface KnownMiss extends Omit<Head, 'what'> {
  readonly what: RegExp;
  readonly ceiling: number;
  readonly why: string;
}

const KNOWN_MISSES: readonly KnownMiss[] = [];

/** Why a row may miss its target by so much; undefined if it may not. */
export function whyMissed({ table, corpus, what }: Head, judged: number): string | undefined {
  const known = KNOWN_MISSES.find((miss) => miss.table === table && miss.corpus === corpus && miss.what.test(what));
  return known !== undefined && judged <= known.ceiling ? known.why : undefined;
}
