/**
 * Base and head against each other, work by work.
 * @module
 */

import { type Effort, type Say, toLimit } from './effort.ts';
import { judgeRatio } from './judge.ts';
import { measureQuads, type Quads } from './quads.ts';
import { type Ratio, toSpread, WORK_NAMES, WORKS, type Work } from './report.ts';
import { type Side, toContender } from './side.ts';

/** @param maxSlower a fraction */
export async function compare(
  base: Side,
  head: Side,
  maxSlower: number,
  effort: Effort,
  say: Say,
): Promise<Record<Work, Ratio>> {
  const ratios: Partial<Record<Work, Ratio>> = {};
  for (const work of WORKS) {
    const limit = toLimit(`${WORK_NAMES[work]} of both`, effort.quadsMs, effort, say);
    const sides = [toContender(work, base, 'base'), toContender(work, head, 'head')] as const;
    const measure = () => measureQuads(...sides, effort.quads, limit);
    ratios[work] = await compareWork(measure, (ratio) => judgeRatio(work, ratio, 1 + maxSlower).over);
  }
  return ratios as Record<Work, Ratio>;
}

/** What is over the bound is measured once more, and the quads of both tries count. */
async function compareWork(measure: () => Promise<Quads>, isOver: (ratio: Ratio) => boolean): Promise<Ratio> {
  const first = await measure();
  const ratio = toRatio(first);
  if (!isOver(ratio)) return ratio;
  const second = await measure();
  return toRatio({ ratios: [...first.ratios, ...second.ratios], noise: [...first.noise, ...second.noise] });
}

const toRatio = ({ ratios, noise }: Quads): Ratio => ({
  ...toSpread(ratios),
  quads: ratios.length,
  noise: toSpread(noise),
});
