/**
 * How what was timed is judged.
 *
 * - **Ratio.** The two contenders of a claim are divided round by round; the median of these quotients is the figure.
 *   The medians of both, in ms, stand beside it, of the same rounds.
 * - **Noise.** A claim that is missed is measured again, once, with twice the rounds; *all* rounds of both tries go into one
 *   median, and that one is final. So a burst of load during the first try is outvoted, while nothing is thrown away and no
 *   lucky try can be picked: what is slower by 30 % stays so in any pool.
 *   What is missed by more than a tenth in three quarters of five rounds or more is not measured again: no more rounds would turn that.
 *   With `--known`, the ceiling of a known miss (known-misses.ts) stands in the place of its target in all of this.
 * - **Below the floor.** Where a floor is named and misses the target itself, in three quarters of the same rounds, the
 *   target asks for less than the work takes. That is shown as missed, and does not fail `--check`.
 */

import type { Bench } from './context.ts';
import { whyMissed } from './known-misses.ts';
import { type Contender, interleave, median, quantile, type Round } from './measure.ts';

/** Where a figure is shown. */
export interface Head {
  readonly table: string;
  readonly corpus: string;
  readonly what: string;
}

/** `ours` takes at most so much of the time that `versus` takes. */
export interface Claim {
  /** The row that shows it. */
  readonly head: Head;
  readonly ours: string;
  readonly versus: string;
  readonly target: Target;
  /** The contender below which no honest work can go, where the claim may lie below even that. */
  readonly floor?: string;
}

export interface Target {
  readonly text: string;
  met(value: number): boolean;
}

export const atMost = (limit: number): Target => ({ text: `<= ${limit}`, met: (value) => value <= limit });
export const below = (limit: number): Target => ({ text: `< ${limit}`, met: (value) => value < limit });
/** Shown, not judged. */
export const shown: Target = { text: '', met: () => true };

export interface Finding extends Claim {
  readonly ratio: number;
  /** The quartiles of the rounds' ratios. */
  readonly quartiles: readonly [number, number];
  readonly rounds: number;
  readonly oursMs: number;
  readonly versusMs: number;
  /** What the floor itself takes of `versus`: the median, and the quarter of the rounds that went best for it. */
  readonly floorRatio?: { readonly median: number; readonly best: number };
}

/** What is missed is measured again, with so many times the rounds. */
const AGAIN = 2;
/** To say of a claim that even the floor misses it. */
const ENOUGH_ROUNDS = 5;

/** Measures the contenders and judges the claims made of them, by the rule above. */
export async function compare(
  bench: Bench,
  contenders: readonly Contender[],
  claims: readonly Claim[],
  rounds: number,
): Promise<Finding[]> {
  const measure = (count: number, names: ReadonlySet<string>) =>
    interleave(
      contenders.filter(({ name }) => names.has(name)),
      count,
    );
  return judgeAll(bench, measure, claims, rounds);
}

/** The same, where a round is not just one contender after the other. `measure` is told who has to take part. */
export async function judgeAll(
  { known }: Bench,
  measure: (rounds: number, names: ReadonlySet<string>) => Promise<Round[]>,
  claims: readonly Claim[],
  rounds: number,
): Promise<Finding[]> {
  const pool = await measure(rounds, toNames(claims));
  const missed = claims.filter((claim) => isOpen(judge(claim, pool), known));
  if (missed.length > 0) pool.push(...(await measure(rounds * AGAIN, toNames(missed))));
  return claims.map((claim) => judge(claim, pool));
}

const toNames = (claims: readonly Claim[]) =>
  new Set(claims.flatMap(({ ours, versus, floor }) => [ours, versus, ...(floor === undefined ? [] : [floor])]));

/** Missed, and it is not clear that it can't be met: by few rounds, or not by more than a tenth in three quarters of them. */
function isOpen(finding: Finding, tolerateKnown: boolean): boolean {
  const { head, target, ratio, quartiles, rounds } = finding;
  const passes = (value: number) => target.met(value) || (tolerateKnown && whyMissed(head, value) !== undefined);
  if (passes(ratio)) return false;
  return rounds < ENOUGH_ROUNDS || (passes(quartiles[0] / 1.1) && !isBelowFloor(finding));
}

/** Whether what is asked is less than the work itself takes: the floor missed it too, in three quarters of the rounds. */
export function isBelowFloor({ target, floorRatio }: Finding): boolean {
  return floorRatio !== undefined && !target.met(floorRatio.best);
}

export function judge(claim: Claim, pool: readonly Round[]): Finding {
  const pairs = toPairs(pool, claim.ours, claim.versus);
  const ratios = toRatios(pairs);
  const floorRatios = claim.floor === undefined ? [] : toRatios(toPairs(pool, claim.floor, claim.versus));
  return {
    ...claim,
    ...(claim.floor !== undefined && {
      floorRatio: { median: median(floorRatios), best: quantile(floorRatios, 0.25) },
    }),
    ratio: median(ratios),
    quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
    rounds: pairs.length,
    oursMs: median(pairs.map(([ours]) => ours)),
    versusMs: median(pairs.map(([, versus]) => versus)),
  };
}

const toRatios = (pairs: readonly [number, number][]) => pairs.map(([ours, versus]) => ours / versus);

/** Of the rounds in which both took part. */
function toPairs(pool: readonly Round[], ours: string, versus: string): [number, number][] {
  return pool.flatMap((round): [number, number][] => {
    const [a, b] = [round.get(ours), round.get(versus)];
    return a === undefined || b === undefined ? [] : [[a, b]];
  });
}
