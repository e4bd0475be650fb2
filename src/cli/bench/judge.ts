/**
 * Whether a build is within its limits.
 *
 * Each limit is held against the lower quartile: three rounds of four must be over it. Load makes single rounds slow; what costs more
 * lifts them all. A slower build counts only where A against A is not slower too.
 * @module
 */

import { type Judgement, type Limits, type Ratio, type Report, WORKS, type Work } from './report.ts';

type Measured = Pick<Report, 'times' | 'stalls'> & { readonly ratios: Readonly<Record<Work, Ratio>> | undefined };

export function judge({ times, stalls, ratios }: Measured, limits: Limits): Judgement[] {
  const { budgetMs, maxShare, maxStallMs, maxSlower } = limits;
  const share = times.beat.lower / budgetMs;
  const stall = stalls.beat.lower;
  return [
    { what: 'share', value: share, limit: maxShare, over: share > maxShare },
    { what: 'stall', value: stall, limit: maxStallMs, over: stall > maxStallMs },
    ...(ratios === undefined ? [] : WORKS.map((work) => judgeRatio(work, ratios[work], 1 + maxSlower))),
  ];
}

/** A ratio has two sides; its lower quartile is a factor. */
export function judgeRatio(what: Work, { lower, noise }: Pick<Ratio, 'lower' | 'noise'>, limit: number): Judgement {
  return { what, value: lower, limit, over: lower > limit && !(noise.lower > limit) };
}
