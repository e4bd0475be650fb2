/**
 * How a ratio is judged.
 *
 * - **Ratio.** Each round times both contenders and gives one ratio. The median of the ratios is the figure that is shown.
 * - **Quartile rule.** A claim is missed only if the lower quartile of the ratios misses the target: three rounds of four
 *   must be over it. Load on the machine makes single rounds slow and spreads the ratios; it seldom lifts three quarters
 *   of them. A slower product lifts all of them: what is 20 % slower has its lower quartile 20 % higher too.
 * - **Second try.** A missed claim is measured again, once, with twice the rounds. All rounds of both tries count, so no
 *   lucky try can be picked, and a burst of load during the first try is outvoted. If the true ratio lies exactly on its
 *   target, each round is over it by the toss of a coin: 33 rounds then miss by chance in about 1 run of 400, 63 hardly ever.
 *   What is a known miss (known-misses.ts) and keeps to its ceiling is not measured again.
 * - **Work, not waiting.** Contenders of this process are timed without the wait for a core (measure.ts), so their ratios hold still
 *   on a busy machine. A process can be timed by the wall clock only: load spreads those ratios, and slows the peer too.
 * - **No noise, no quartile.** Counts (files read, memory, an outage that must not happen) are judged by the worst of them.
 */

import { median, quantile, type Round } from '../../src/cli/bench/measure.ts';
import { type Head, whyMissed } from './known-misses.ts';

/** `ours` takes at most so much of the time that `versus` takes. */
export interface Claim {
  /** The row that shows it. */
  readonly head: Head;
  readonly ours: string;
  readonly versus: string;
  readonly target: Target;
  /** Least work, and how many times its time is granted in a round in which that is more than `versus` takes. */
  readonly floor?: { readonly name: string; readonly times: number };
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
  /** `ours` / `versus`, one a round. */
  readonly ratios: readonly number[];
  /** What the target is held against: the ratios, or those to the floor where it grants more. */
  readonly judged: readonly number[];
  readonly oursMs: number;
  readonly versusMs: number;
}

/** A missed claim is measured again with so many times the rounds. */
const AGAIN = 2;

/** Of all that was measured, the value that a target is held against: see "Quartile rule". */
export const toJudged = (values: readonly number[]) => quantile(values, 0.25);

export const isMissed = ({ target, judged }: Finding) => !target.met(toJudged(judged));

/**
 * Measures and judges by the rules above.
 * @param measure times a number of rounds; it is told which contenders the claims need
 */
export async function judgeAll(
  measure: (rounds: number, names: ReadonlySet<string>) => Promise<Round[]>,
  claims: readonly Claim[],
  rounds: number,
): Promise<Finding[]> {
  const pool = await measure(rounds, toNames(claims));
  const missed = claims.filter((claim) => isToTryAgain(judge(claim, pool)));
  if (missed.length > 0) pool.push(...(await measure(rounds * AGAIN, toNames(missed))));
  return claims.map((claim) => judge(claim, pool));
}

const isToTryAgain = (finding: Finding) =>
  isMissed(finding) && whyMissed(finding.head, toJudged(finding.judged)) === undefined;

const toNames = (claims: readonly Claim[]) =>
  new Set(claims.flatMap(({ ours, versus, floor }) => [ours, versus, ...(floor === undefined ? [] : [floor.name])]));

export function judge(claim: Claim, pool: readonly Round[]): Finding {
  const pairs = toPairs(claim, pool);
  return {
    ...claim,
    ratios: pairs.map(({ oursMs, versusMs }) => oursMs / versusMs),
    judged: pairs.map(({ oursMs, versusMs, grantedMs }) => oursMs / Math.max(versusMs, grantedMs)),
    oursMs: median(pairs.map(({ oursMs }) => oursMs)),
    versusMs: median(pairs.map(({ versusMs }) => versusMs)),
  };
}

/** Of the rounds in which both took part. */
function toPairs({ ours, versus, floor }: Claim, pool: readonly Round[]) {
  return pool.flatMap((round) => {
    const [oursMs, versusMs] = [round.get(ours), round.get(versus)];
    if (oursMs === undefined || versusMs === undefined) return [];
    return [{ oursMs, versusMs, grantedMs: floor === undefined ? 0 : (round.get(floor.name) ?? 0) * floor.times }];
  });
}
