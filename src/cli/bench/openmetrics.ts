/**
 * A report for Prometheus, in the text that change/metrics.ts writes.
 * @module
 */

import { gauge, type Sample, writeFamilies } from '../../change/metrics.ts';
import { type Report, type Spread, WORKS } from './report.ts';

type Labels = Sample[1];

/** Ends with `# EOF`, and a newline. `source` is the path, as it was given. */
export function toOpenMetrics(report: Report): string {
  const { path, name, version, fingerprint, files, bytes, counters, times, stalls, baseline, judged } = report;
  const calls = WORKS.flatMap((work) => {
    const { bytesRead: _, ...rest } = counters[work];
    return Object.entries(rest).map(([call, count]): Sample => ['', { work, call }, count]);
  });
  const ratios = Object.entries(baseline?.ratios ?? {}).flatMap(([work, { noise, ...ratio }]) => [
    ...toSamples({ work, of: 'head' }, ratio),
    ...toSamples({ work, of: 'base' }, noise),
  ]);
  return writeFamilies(path, [
    gauge('bench_build_info', 'The build that was measured.', [['', { name, version, fingerprint }, 1]]),
    gauge('bench_files', 'How many files count.', [['', {}, files]]),
    gauge('bench_size_bytes', 'Their size.', [['', {}, bytes]], 'bytes'),
    gauge('bench_calls', 'Calls to the file system, and what they listed.', calls),
    gauge(
      'bench_read_bytes',
      'How much was read.',
      WORKS.map((work): Sample => ['', { work }, counters[work].bytesRead]),
      'bytes',
    ),
    gauge(
      'bench_duration_seconds',
      'How long it took.',
      WORKS.flatMap((work) => toSamples({ work }, toSeconds(times[work]))),
      'seconds',
    ),
    gauge(
      'bench_floor_seconds',
      'How long the bare loop took.',
      WORKS.flatMap((work) => toSamples({ work }, toSeconds(times[work].floor))),
      'seconds',
    ),
    gauge(
      'bench_stall_seconds',
      'The longest stall of the event loop.',
      Object.entries(stalls).flatMap(([work, spread]) => toSamples({ work }, toSeconds(spread))),
      'seconds',
    ),
    gauge('bench_relative_duration', "Head's time, and base's own, by base's.", ratios),
    gauge(
      'bench_over',
      'Whether a limit is passed: 1 or 0.',
      judged.map(({ what, over }): Sample => ['', { limit: what }, Number(over)]),
    ),
  ]);
}

const toSamples = (labels: Labels, { median, lower, upper }: Spread): Sample[] => [
  ['', { ...labels, statistic: 'lower_quartile' }, lower],
  ['', { ...labels, statistic: 'median' }, median],
  ['', { ...labels, statistic: 'upper_quartile' }, upper],
];

const toSeconds = ({ median, lower, upper }: Spread): Spread => ({
  median: median / 1000,
  lower: lower / 1000,
  upper: upper / 1000,
});
