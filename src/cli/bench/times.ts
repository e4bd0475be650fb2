/**
 * How long each work takes beside its floor, and for how long it holds the event loop.
 * @module
 */

import { buildManifest } from '../../manifest/build.ts';
import { AT_LEAST, type Effort, type Say, toLimit } from './effort.ts';
import { type Contender, interleave, type Round } from './measure.ts';
import { type Report, type Times, toSpread, WORK_NAMES, type Work } from './report.ts';
import { type Side, toContender, toFloor } from './side.ts';
import { measureStall } from './stall.ts';

/** @param budgetMs what its share is of */
export async function timeWork(work: Work, side: Side, budgetMs: number, effort: Effort, say: Say): Promise<Times> {
  const ours = toContender(work, side, 'ours');
  const limit = toLimit(WORK_NAMES[work], effort.roundsMs, effort, say);
  const rounds = await interleave([ours, toFloor(work, side)], effort.rounds, limit);
  const of = (name: string) => rounds.map((round: Round) => round.get(name) as number);
  const [samples, floors] = [of('ours'), of('floor')];
  const spread = toSpread(samples);
  return {
    ...spread,
    samples,
    ...(await measureCpu(work, side, ours)),
    floor: toSpread(floors),
    ratio: toSpread(samples.map((ms, i) => ms / (floors[i] as number))),
    share: spread.median / budgetMs,
  };
}

/** CPU milliseconds of one run, the mean of those that fill 100 ms. */
async function measureCpu(work: Work, { answer }: Side, { run }: Contender): Promise<{ user: number; system: number }> {
  if (work === 'first' || typeof run !== 'function') {
    const { user, system } = answer();
    return { user, system };
  }
  const before = process.cpuUsage();
  let runs = 0;
  for (const startedMs = performance.now(); performance.now() - startedMs < 100; runs++) await run();
  const { user, system } = process.cpuUsage(before);
  return { user: user / 1000 / runs, system: system / 1000 / runs };
}

export async function measureStalls({ target, detector }: Side, effort: Effort, say: Say): Promise<Report['stalls']> {
  const stalls = { cold: [] as number[], beat: [] as number[] };
  const startedMs = performance.now();
  for (let run = 0; run < effort.stalls; run++) {
    if (run >= AT_LEAST && performance.now() - startedMs > effort.stallsMs) break;
    stalls.beat.push(await measureStall(() => detector.check()));
    stalls.cold.push(await measureStall(() => buildManifest(target.path, target.coverage)));
    say('stalls', run + 1, effort.stalls);
  }
  return { cold: toSpread(stalls.cold), beat: toSpread(stalls.beat) };
}
