/**
 * What github-action-benchmark reads with `tool: customSmallerIsBetter`.
 * @module
 */

import { type Report, WORK_NAMES, WORKS } from './report.ts';
import { toMachineLine, toTitle } from './tables.ts';

interface Point {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  readonly range?: string;
  readonly extra?: string;
}

/** Counters come first: they alone are equal on every runner. */
export function toGithub(report: Report): Point[] {
  const { counters, times, stalls, bytes } = report;
  const title = toTitle({ ...report, version: null }); // a series goes on over releases
  const extra = toMachineLine(report);
  const half = (lower: number, upper: number) => `± ${((upper - lower) / 2).toPrecision(3)}`;
  return [
    { name: `${title}: bytes`, unit: 'bytes', value: bytes },
    ...WORKS.map((work) => ({
      name: `${title}: stats of a ${WORK_NAMES[work]}`,
      unit: 'stats',
      value: counters[work].stats,
    })),
    ...WORKS.map((work) => {
      const { median, lower, upper } = times[work];
      return { name: `${title}: ${WORK_NAMES[work]}`, unit: 'ms', value: median, range: half(lower, upper), extra };
    }),
    {
      name: `${title}: longest stall of a beat`,
      unit: 'ms',
      value: stalls.beat.median,
      range: half(stalls.beat.lower, stalls.beat.upper),
      extra,
    },
  ];
}
