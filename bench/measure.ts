/**
 * How everything here is timed and judged.
 *
 * - **Rounds.** All contenders are warmed up. Then in each round every one does the job once (a short one as often as fills
 *   `MIN_SAMPLE_MS`, after a run that isn't counted, and the mean counts), in an order that is drawn anew. So a machine that
 *   slows down slows down all of them, and nobody always comes after the one that empties the processor's caches.
 * - **Ratio.** The two contenders of a claim are divided round by round; the median of these quotients is the figure.
 *   The medians of both, in ms, stand beside it, of the same rounds.
 * - **Noise.** A claim that is missed is measured again, with twice the rounds and then four times; *all* rounds of all
 *   tries go into one median, and that one is final. So a burst of load during the first try is outvoted, while nothing
 *   is thrown away and no lucky try can be picked: what is slower by 30 % stays so in any pool.
 * - **Below the floor.** Where a floor is named and misses the target itself, in three quarters of the same rounds, the
 *   target asks for less than the work takes. That is shown as missed, and does not fail `--check`.
 */

/** One way of doing the job. */
export interface Contender {
  readonly name: string;
  /** Does it once. Of what takes its time elsewhere (launcher.ts), returns the milliseconds. */
  readonly run: (() => unknown) | { readonly elsewhere: () => Promise<number> };
  /** Takes part in this many rounds only: for what is slow, and far from what is claimed of it. */
  readonly maxRounds?: number;
}

/** `ours` takes at most so much of the time that `versus` takes. */
export interface Claim {
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

/** Milliseconds of each contender in one round. */
export type Round = ReadonlyMap<string, number>;

const TRIES = 3;
/** To say of a claim that even the floor misses it. */
const ENOUGH_ROUNDS = 5;
const MIN_SAMPLE_MS = 5;
const MAX_REPEATS = 500;
const WARM_UP_MS = 100;
const MIN_WARM_UPS = 3;
const MAX_WARM_UP_MS = 3_000;

/** Measures the contenders and judges the claims made of them, by the rule above. */
export async function compare(
  contenders: readonly Contender[],
  claims: readonly Claim[],
  rounds: number,
): Promise<Finding[]> {
  const measure = (count: number, names: ReadonlySet<string>) =>
    interleave(
      contenders.filter(({ name }) => names.has(name)),
      count,
    );
  return judgeAll(measure, claims, rounds);
}

/** The same, where a round is not just one contender after the other. `measure` is told who has to take part. */
export async function judgeAll(
  measure: (rounds: number, names: ReadonlySet<string>) => Promise<Round[]>,
  claims: readonly Claim[],
  rounds: number,
): Promise<Finding[]> {
  let pool = await measure(rounds, toNames(claims));
  for (let attempt = 2; attempt <= TRIES; attempt++) {
    const missed = claims.filter((claim) => isMissed(judge(claim, pool)));
    if (missed.length === 0) break;
    pool = [...pool, ...(await measure(rounds * 2 ** (attempt - 1), toNames(missed)))];
  }
  return claims.map((claim) => judge(claim, pool));
}

const toNames = (claims: readonly Claim[]) =>
  new Set(claims.flatMap(({ ours, versus, floor }) => [ours, versus, ...(floor === undefined ? [] : [floor])]));

/** Missed, and it is not clear that it can't be met. */
function isMissed(finding: Finding): boolean {
  return !finding.target.met(finding.ratio) && !(isBelowFloor(finding) && finding.rounds >= ENOUGH_ROUNDS);
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

export function medianMs(pool: readonly Round[], name: string): number {
  return median(pool.flatMap((round) => round.get(name) ?? []));
}

/** Warms all contenders up, then times them round by round. */
export async function interleave(contenders: readonly Contender[], rounds: number): Promise<Round[]> {
  const repeats = new Map<Contender, number>();
  for (const contender of contenders) repeats.set(contender, await warmUp(contender));
  const measured: Round[] = [];
  for (let round = 0; round < rounds; round++) {
    const times = new Map<string, number>();
    for (const contender of shuffle(contenders)) {
      if (round >= (contender.maxRounds ?? Infinity)) continue;
      const count = repeats.get(contender) ?? 1;
      if (count > 1) await sample(contender, 1);
      times.set(contender.name, await sample(contender, count));
    }
    measured.push(times);
  }
  return measured;
}

function shuffle<T>(items: readonly T[]): T[] {
  const drawn = items.map((item) => [Math.random(), item] as const);
  return drawn.sort(([a], [b]) => a - b).map(([, item]) => item);
}

/** Runs it until the compiler should be done with it, and says how often it fits a sample. */
async function warmUp(contender: Contender): Promise<number> {
  const started = performance.now();
  const spent = () => performance.now() - started;
  let fastest = Infinity;
  for (let runs = 0; runs < MIN_WARM_UPS ? spent() < MAX_WARM_UP_MS : spent() < WARM_UP_MS; runs++) {
    fastest = Math.min(fastest, await sample(contender, 1));
  }
  return Math.min(MAX_REPEATS, Math.max(1, Math.ceil(MIN_SAMPLE_MS / fastest)));
}

/** Milliseconds a run. What is synchronous is not awaited: that alone would cost a small one dearly. */
async function sample({ run }: Contender, repeats: number): Promise<number> {
  if (typeof run !== 'function') {
    let ms = 0;
    for (let i = 0; i < repeats; i++) ms += await run.elsewhere();
    return ms / repeats;
  }
  const started = performance.now();
  for (let i = 0; i < repeats; i++) {
    const result = run();
    if (result instanceof Promise) await result;
  }
  return (performance.now() - started) / repeats;
}

export const median = (values: readonly number[]) => quantile(values, 0.5);

/** With the two neighbours weighed where it falls between them; NaN of nothing. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}
