/**
 * A report as tables of words, of which the text and the Markdown are made.
 * @module
 */

import { escapeControls } from '../../runner/log.ts';
import { toCount, toMany, toPercent, toRatio, toShort, toTime } from './figures.ts';
import { type Build, FLOOR_NAMES, type Judgement, type Report, type Spread, WORK_NAMES, WORKS } from './report.ts';

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export const toTitle = ({ name, path, version }: Pick<Build, 'name' | 'path' | 'version'>): string =>
  escapeControls([name ?? path, version].filter((part) => part !== null).join(' '));

export function toTables(report: Report): Table[] {
  const { baseline } = report;
  return [
    toCounters(report, baseline === null ? '' : ', head'),
    ...(baseline === null ? [] : [toCounters(baseline, ', base')]),
    toTimes(report),
    ...(baseline === null ? [] : [toRatios(baseline.ratios)]),
    toStalls(report),
    toSpent(report),
  ];
}

function toCounters({ counters }: Build, whose: string): Table {
  return {
    head: [`counters${whose}`, 'directories listed', 'files listed', 'stats', 'opens', 'bytes read'],
    rows: WORKS.map((work) => {
      const { directoriesListed, filesListed, stats, opens, bytesRead } = counters[work];
      return [WORK_NAMES[work], ...[directoriesListed, filesListed, stats, opens, bytesRead].map(toCount)];
    }),
  };
}

const quartiles = (spread: Spread, show: (value: number) => string) => `${show(spread.lower)} to ${show(spread.upper)}`;

function toTimes({ times, limits }: Report): Table {
  return {
    head: ['times', 'median', 'quartiles', `share of ${toTime(limits.budgetMs)}`, 'floor', 'median', 'times the floor'],
    rows: WORKS.map((work) => {
      const { median, share, floor, ratio, ...spread } = times[work];
      const ours = [toTime(median), quartiles({ median, ...spread }, toTime), toPercent(share)];
      return [WORK_NAMES[work], ...ours, FLOOR_NAMES[work], toTime(floor.median), toRatio(ratio.median)];
    }),
  };
}

function toRatios(ratios: NonNullable<Report['baseline']>['ratios']): Table {
  return {
    head: ['head / base', 'median', 'quartiles', 'base / base', 'quartiles', 'quads'],
    rows: WORKS.map((work) => {
      const { noise, quads, ...ratio } = ratios[work];
      const show = (spread: Spread) => [toRatio(spread.median), quartiles(spread, toRatio)];
      return [WORK_NAMES[work], ...show(ratio), ...show(noise), toCount(quads)];
    }),
  };
}

function toStalls({ stalls }: Report): Table {
  const row = (name: string, spread: Spread) => [name, toTime(spread.median), quartiles(spread, toTime)];
  return {
    head: ['longest stall of the event loop', 'median', 'quartiles'],
    rows: [row('beat', stalls.beat), row('cold build', stalls.cold)],
  };
}

/** In the order of what happens. */
const PARTS = { list: 'list', stat: 'stat', open: 'open, close', read: 'read', rest: 'the rest' } as const;

function toSpent({ spent }: Report): Table {
  const keys = Object.keys(PARTS) as (keyof typeof PARTS)[];
  return {
    head: ['where the time goes', ...Object.values(PARTS)],
    rows: (['cold', 'beat'] as const).map((work) => {
      const total = keys.reduce((sum, key) => sum + spent[work][key], 0);
      return [WORK_NAMES[work], ...keys.map((key) => `${Math.round((spent[work][key] / total) * 100)} %`)];
    }),
  };
}

/** `example 1.2.3: 1,200 files in 34 directories, 5.1 MB, xxh64-…` */
export function toBuildLine(build: Build): string {
  const { files, directories, bytes, fingerprint } = build;
  const inside = directories === 0 ? '' : ` in ${toMany(directories, 'directory', 'directories')}`;
  return `${toTitle(build)}: ${toMany(files, 'file')}${inside}, ${toShort(bytes / 1e6)} MB, ${fingerprint}`;
}

export const toMachineLine = ({ machine: { runtime, platform, cpu, cores } }: Report): string =>
  [runtime, platform, ...(cpu === null ? [] : [cpu]), toMany(cores, 'core')].join(', ');

/** One line for each limit. */
export function toJudgementLine({ what, value, limit, over }: Judgement, { limits, baseline }: Report): string {
  const verdict = over ? 'over' : 'within';
  if (what === 'share')
    return `${verdict}: a beat takes ${toPercent(value)} of ${toTime(limits.budgetMs)}; the limit is ${toPercent(limit)}`;
  if (what === 'stall')
    return `${verdict}: a beat holds the event loop for ${toTime(value)}; the limit is ${toTime(limit)}`;
  const noise = baseline?.ratios[what].noise.lower ?? 1;
  const unsure = !over && value > limit ? `; not judged, for base against base is ${toRatio(noise)} here` : '';
  return `${verdict}: ${WORK_NAMES[what]} of head takes ${toRatio(value)} of base; the limit is ${toRatio(limit)}${unsure}`;
}
