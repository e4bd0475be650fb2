/**
 * How everything here is timed.
 *
 * All contenders are warmed up. Then in each round every one does the job once (a short one as often as fills
 * `MIN_SAMPLE_MS`, and the mean counts), in an order that is drawn anew. So a machine that slows down slows down all of
 * them, and nobody always comes after the one that empties the processor's caches. Before it is timed, what runs in this
 * process is run once uncounted: else those caches would decide, and how long the process had waited for another, and not the work.
 */

/** One way of doing the job. */
export interface Contender {
  readonly name: string;
  /** Does it once. Of what takes its time elsewhere (launcher.ts), returns the milliseconds. */
  readonly run: (() => unknown) | { readonly elsewhere: () => Promise<number> };
}

/** Milliseconds of each contender in one round. */
export type Round = ReadonlyMap<string, number>;

const MIN_SAMPLE_MS = 5;
const MAX_REPEATS = 500;
/** Enough with the uncounted runs: a manifest of 1,000 files is built some 40 times before the compiler is done with it. */
const WARM_UP_MS = 250;
const MIN_WARM_UPS = 3;
const MAX_WARM_UP_MS = 1_000;

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
      if (typeof contender.run === 'function') await sample(contender, 1);
      times.set(contender.name, await sample(contender, repeats.get(contender) as number));
    }
    measured.push(times);
  }
  return measured;
}

export function shuffle<T>(items: readonly T[]): T[] {
  const drawn = items.map((item) => [Math.random(), item] as const);
  return drawn.sort(([a], [b]) => a - b).map(([, item]) => item);
}

/** Runs it until the compiler should be done with it, and says how often a sample is to do the job. A process can't be warmed up. */
async function warmUp(contender: Contender): Promise<number> {
  const started = performance.now();
  const spent = () => performance.now() - started;
  const isDone = (runs: number) => {
    if (typeof contender.run !== 'function') return runs > 0;
    return spent() > (runs < MIN_WARM_UPS ? MAX_WARM_UP_MS : WARM_UP_MS);
  };
  let fastest = Infinity;
  for (let runs = 0; !isDone(runs); runs++) {
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
