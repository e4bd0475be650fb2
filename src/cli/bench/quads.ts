/**
 * Two builds, timed against each other on a machine that is never quiet.
 *
 * A quad is A B B A: a machine that gets slower bit by bit slows both alike. Every second quad is B A A B, so that nobody always comes
 * first. A sample is the fastest of three repeats, since load can only make one slower. Each quad gives one ratio, of neighbours in time.
 * It also gives one of A to A, the later by the earlier: how far that is from 1 is the noise of this machine.
 * @module
 */

import { type Clock, type Contender, clockFor, type Limit, type Plan, planAll, sample } from './measure.ts';

/** One ratio for each quad. */
export interface Quads {
  /** Head's time by base's. */
  readonly ratios: readonly number[];
  /** Base's time by base's. */
  readonly noise: readonly number[];
}

const REPEATS = 3;

export async function measureQuads(base: Contender, head: Contender, quads: number, limit: Limit): Promise<Quads> {
  const plans = await planAll([base, head], limit.warmUpMs);
  const startClock = clockFor([base, head]);
  const time = (side: Contender) => fastest(side, plans.get(side) as Plan, startClock);
  const ratios: number[] = [];
  const noise: number[] = [];
  const startedMs = performance.now();
  for (let quad = 0; quad < quads; quad++) {
    if (quad >= limit.atLeast && performance.now() - startedMs > limit.limitMs) break;
    const { a, b } = await measureQuad(base, head, quad % 2 === 0, time);
    ratios.push((b[0] + b[1]) / (a[0] + a[1]));
    noise.push(a[1] / a[0]);
    limit.onRound?.(quad + 1, quads);
  }
  return { ratios, noise };
}

type Pair = readonly [number, number];

/** The times of A and of B, in order. */
async function measureQuad(a: Contender, b: Contender, isOuter: boolean, time: (side: Contender) => Promise<number>) {
  const [outer, inner] = isOuter ? [a, b] : [b, a];
  const first = await time(outer);
  const inside: Pair = [await time(inner), await time(inner)];
  const outside: Pair = [first, await time(outer)];
  return isOuter ? { a: outside, b: inside } : { a: inside, b: outside };
}

/** A process that starts anew is no faster the next time, and three would take too long. */
async function fastest(side: Contender, { repeats }: Plan, startClock: () => Clock): Promise<number> {
  const times = typeof side.run === 'function' ? REPEATS : 1;
  let ms = Infinity;
  for (let i = 0; i < times; i++) ms = Math.min(ms, await sample(side, repeats, startClock));
  return ms;
}
