/**
 * Draws what a build costs against the number of its files, with the line of the budget, on logarithmic scales.
 *
 * A beat's cost grows with its files (docs/benchmarks.md: 3.4 to 3.8 µs a file from 1,000 to 100,000), so the broken line goes on from
 * the measured one: where it meets the limit, the limit is reached.
 * @module
 */

import { toCount, toPercent, toShort, toTime } from './figures.ts';
import { type Report, WORK_NAMES, WORKS } from './report.ts';
import { drawPanel, toPlace, toXml } from './svg.ts';
import { toTitle } from './tables.ts';

const WIDTH = 790;
const HEIGHT = 430;
const PLOT = { left: 84, right: 560, top: 76, bottom: 386 };
const MAX_FILES = 1_000_000;
const MIN_MS = 0.001;

type Scale = (value: number) => number;

export function drawChart(report: Report): string {
  const { limits, files, times } = report;
  const { budgetMs } = limits;
  const x: Scale = (count) => toPlace(count, 1, MAX_FILES, PLOT.left, PLOT.right);
  const y: Scale = (ms) => toPlace(ms, MIN_MS, budgetMs * 3, PLOT.bottom, PLOT.top);
  const costs = WORKS.map((work) => `${WORK_NAMES[work]} ${toTime(times[work].median)}`).join(', ');
  return drawPanel(
    { width: WIDTH, height: HEIGHT },
    {
      summary: `${toTitle(report)}, ${toCount(files)} files: ${costs}; the budget is ${toTime(budgetMs)}`,
      title: `What ${toTitle(report)} costs, against its number of files`,
      note: `Medians. Logarithmic: each line is ten times the one before. ${report.machine.runtime}.`,
    },
    [
      ...drawGrid(x, y, budgetMs),
      ...drawLimits(limits, y),
      drawTrend(report, x, y),
      ...drawPoints(report, x, y),
    ].filter((part) => part !== ''),
  );
}

function* toDecades(from: number, until: number): Generator<number> {
  for (let exponent = Math.round(Math.log10(from)); 10 ** exponent <= until; exponent++) yield 10 ** exponent;
}

function drawGrid(x: Scale, y: Scale, budgetMs: number): string[] {
  const { left, right, top, bottom } = PLOT;
  const columns = [...toDecades(1, MAX_FILES)].map(
    (count) => `  <line class="grid" x1="${x(count)}" x2="${x(count)}" y1="${top}" y2="${bottom}"/>
  <text class="quiet small" x="${x(count)}" y="${bottom + 18}" text-anchor="middle">${toCount(count)}</text>`,
  );
  const rows = [...toDecades(MIN_MS, budgetMs)].map(
    (ms) => `  <line class="grid" x1="${left}" x2="${right}" y1="${y(ms)}" y2="${y(ms)}"/>
  <text class="quiet small" x="${left - 8}" y="${y(ms) + 4}" text-anchor="end">${toTime(ms)}</text>`,
  );
  const unit = `  <text class="quiet small" x="${right}" y="${bottom + 34}" text-anchor="end">files</text>`;
  return [...columns, ...rows, unit];
}

function drawLimits({ budgetMs, maxShare }: Report['limits'], y: Scale): string[] {
  const line = (
    ms: number,
    text: string,
  ) => `  <line class="line" x1="${PLOT.left}" x2="${PLOT.right}" y1="${y(ms)}" y2="${y(ms)}"/>
  <text class="budget small" x="${PLOT.left + 8}" y="${y(ms) - 6}">${toXml(text)}</text>`;
  return [
    line(budgetMs, `the budget, ${toTime(budgetMs)}`),
    line(budgetMs * maxShare, `the limit of a beat, ${toPercent(maxShare)} of it`),
  ];
}

/** From the measured beat on, at its cost a file. */
function drawTrend({ times, files, limits }: Report, x: Scale, y: Scale): string {
  const perFileMs = times.beat.median / files;
  const end = Math.min(MAX_FILES, (limits.budgetMs * limits.maxShare) / perFileMs);
  if (!(end > files)) return '';
  const label = `${toShort(end)} files`;
  return `  <line class="trend" x1="${x(files)}" y1="${y(times.beat.median)}" x2="${x(end)}" y2="${y(end * perFileMs)}"/>
  <text class="quiet small" x="${x(end)}" y="${y(end * perFileMs) - 8}" text-anchor="end">${label}</text>`;
}

function drawPoints({ times, files, baseline }: Report, x: Scale, y: Scale): string[] {
  const base =
    baseline === null
      ? []
      : WORKS.map((work) => {
          const ms = times[work].median / baseline.ratios[work].median;
          return `  <circle class="base" cx="${x(baseline.files)}" cy="${y(ms)}" r="5"><title>base: ${WORK_NAMES[work]}, ${toTime(ms)}</title></circle>`;
        });
  let lastY = Number.NEGATIVE_INFINITY;
  const head = [...WORKS]
    .sort((a, b) => times[b].median - times[a].median)
    .map((work) => {
      const ms = times[work].median;
      lastY = Math.max(lastY + 15, y(ms) + 4); // no label over another
      return `  <circle class="bar" cx="${x(files)}" cy="${y(ms)}" r="4.5"/>
  <text class="small" x="${PLOT.right + 8}" y="${lastY}">${WORK_NAMES[work]}, ${toTime(ms)}</text>`;
    });
  return [...base, ...head];
}
