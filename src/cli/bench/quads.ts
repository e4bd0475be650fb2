/**
 * Two builds, timed against each other on a machine that is never quiet.
 *
 * A quad is A B B A: a machine that gets slower bit by bit slows both alike. Every second quad is B A A B, so that nobody always comes
 * first. A sample is the fastest of three repeats, since load can only make one slower. Each quad gives one ratio, of neighbours in time.
 * After it comes a quad of A against A, by a second detector: how far its ratios are from 1 is the noise of this machine.
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

/** One build, measured by one detector. */
type Side = Contender;

const REPEATS = 3;

/** @param quads so many, and as many of A against A */
export async function measureQuads(base: Side, again: Side, head: Side, quads: number, limit: Limit): Promise<Quads> {
  const sides = [base, again, head];
  const plans = await planAll(sides, limit.warmUpMs);
  const startClock = clockFor(sides);
  const time = (side: Side) => fastest(side, plans.get(side) as Plan, startClock);
  const ratios: number[] = [];
  const noise: number[] = [];
  const startedMs = performance.now();
  for (let quad = 0; quad < quads; quad++) {
    if (quad >= limit.atLeast && performance.now() - startedMs > limit.limitMs) break;
    ratios.push(await measureQuad(base, head, time, quad % 2 === 0));
    noise.push(await measureQuad(base, again, time, quad % 2 === 0));
    limit.onRound?.(quad + 1, quads);
  }
  return { ratios, noise };
}

/** The time of `b` by that of `a`. */
async function measureQuad(a: Side, b: Side, time: (side: Side) => Promise<number>, aFirst: boolean): Promise<number> {
  const [outer, inner] = aFirst ? [a, b] : [b, a];
  const [first, second, third, fourth] = [await time(outer), await time(inner), await time(inner), await time(outer)];
  const ratio = (second + third) / (first + fourth);
  return aFirst ? ratio : 1 / ratio;
}

/** A process that starts anew is its own repeat: its time says enough, and three would take too long. */
async function fastest(side: Side, { repeats }: Plan, startClock: () => Clock): Promise<number> {
  const times = typeof side.run === 'function' ? REPEATS : 1;
  let ms = Infinity;
  for (let i = 0; i < times; i++) ms = Math.min(ms, await sample(side, repeats, startClock));
  return ms;
}
