/**
 * What hyperfine's `--export-json` writes, for the scripts and pages that read it: the fields of 1.x (`mean`, `times`, …) and those of
 * 2.0 (`summary`, `measurements`) in one object, since no name means two things. Times are seconds.
 * @module
 */

import { type Report, type Times, WORK_NAMES, WORKS } from './report.ts';
import { toTitle } from './tables.ts';

export function toHyperfine(report: Report): object {
  return {
    schema_version: 2,
    primary_metric: 'time_wall_clock',
    results: WORKS.map((work) => toResult(`distprint: ${WORK_NAMES[work]} of ${toTitle(report)}`, report.times[work])),
  };
}

function toResult(command: string, { samples, user, system }: Times) {
  const times = samples.map((ms) => ms / 1000);
  const [perRunUser, perRunSystem] = [user / 1000, system / 1000];
  const { unit, count, ...wall } = summarize(times);
  return {
    command,
    ...wall,
    user: perRunUser,
    system: perRunSystem,
    times,
    exit_codes: times.map(() => 0),
    summary: {
      time_wall_clock: { unit, count, ...wall },
      time_user: summarize(times.map(() => perRunUser)),
      time_system: summarize(times.map(() => perRunSystem)),
    },
    measurements: times.map((value) => ({
      time_wall_clock: { value, unit },
      time_user: { value: perRunUser, unit },
      time_system: { value: perRunSystem, unit },
      exit_code: 0,
    })),
  };
}

/** The standard deviation is that of a sample, as hyperfine's is. */
function summarize(values: readonly number[]) {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted[Math.floor((count - 1) / 2)] as number) + (sorted[Math.ceil((count - 1) / 2)] as number);
  return {
    unit: 'second',
    count,
    mean,
    stddev: count > 1 ? Math.sqrt(squares / (count - 1)) : null,
    median: middle / 2,
    min: sorted[0] as number,
    max: sorted[count - 1] as number,
  };
}
