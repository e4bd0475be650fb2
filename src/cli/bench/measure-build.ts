/**
 * The course of a bench: counters first, then times, then stalls, then base and head against each other.
 *
 * A cold build comes first. It doesn't care whether a file was written a moment ago, while a beat reads such a file again (stat.ts): by
 * the time beats are measured, the build that came before this is mostly old enough.
 * @module
 */

import { cpus, release, type } from 'node:os';
import type { CoverageOptions } from '../../scan/coverage.ts';
import type { Watched } from './calls.ts';
import { compare } from './compare.ts';
import { FULL, QUICK, type Say } from './effort.ts';
import { judge } from './judge.ts';
import type { Build, Limits, Machine, Report, Work } from './report.ts';
import { insistThatUnchanged, prepare, settle, watch } from './side.ts';
import { openBaseline, openTarget, type Target } from './target.ts';
import { measureStalls, timeWork } from './times.ts';

export interface BenchOptions {
  readonly path: string;
  readonly coverage: CoverageOptions;
  readonly limits: Limits;
  /** The path of the build to compare with. */
  readonly baseline: string | undefined;
  readonly quick: boolean;
  /** The URL of distprint's own entry point, for fresh processes. */
  readonly library: string;
  /** A folder that may be written. */
  readonly scratch: string;
  readonly say: Say;
}

/**
 * @throws what `openTarget` and `openBaseline` throw; ERR_DISTPRINT_UNSTABLE where something changes meanwhile
 */
export async function measureBuild(options: BenchOptions): Promise<Report> {
  const { path, coverage, baseline, limits, quick, library, scratch, say } = options;
  const effort = quick ? QUICK : FULL;
  const target = await openTarget(path, coverage);
  const baseTarget = baseline === undefined ? undefined : await openBaseline(baseline, target);
  const head = prepare(target, 'head', library, scratch);
  const base = baseTarget && prepare(baseTarget, 'base', library, scratch);
  const sides = base === undefined ? [head] : [base, head];

  const time = (work: Work) => timeWork(work, head, limits.budgetMs, effort, say);
  const cold = await time('cold');
  for (const side of sides) await settle(side);
  const watched = await watch(head);
  const times = {
    cold,
    beat: await time('beat'),
    first: await time('first'),
  };
  const stalls = await measureStalls(head, effort, say);
  const ratios = base && (await compare(base, head, limits.maxSlower, effort, say));
  for (const side of sides) await insistThatUnchanged(side);

  const judged = judge({ times, stalls, ratios }, limits);
  return {
    ...toBuild(head.target, watched),
    machine: describeMachine(),
    limits,
    times,
    stalls,
    spent: { cold: watched.cold.spent, beat: watched.beat.spent },
    baseline: base && ratios ? { ...toBuild(base.target, await watch(base)), ratios } : null,
    judged,
    verdict: judged.some(({ over }) => over) ? 'over' : 'within',
  };
}

const toBuild = (target: Target, watched: Record<Work, Watched>): Build => {
  const { path, kind, name, version, fingerprint, files, directories, bytes } = target;
  const { cold, beat, first } = watched;
  return {
    ...{ path, kind, name, version, fingerprint, files: files.length, directories: directories.length, bytes },
    counters: { cold: cold.counters, beat: beat.counters, first: first.counters },
  };
};

function describeMachine(): Machine {
  const [cpu] = cpus();
  return {
    runtime: `Node ${process.versions.node}`,
    platform: `${type()} ${release()}, ${process.arch}`,
    cpu: cpu?.model.trim() ?? null,
    cores: cpus().length,
  };
}
