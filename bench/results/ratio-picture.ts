/** Draws the ratios that have a target, by corpus, as an SVG on a logarithmic scale. */

import { toShort } from '../../src/cli/bench/figures.ts';
import { drawPanel, toPlace, toXml } from '../../src/cli/bench/svg.ts';
import type { Row } from './table.ts';

/** What was measured against what, and the ratio for each corpus. */
export interface Ratio {
  readonly what: string;
  readonly byCorpus: ReadonlyMap<string, number>;
}

/** @throws if no ratio with a target was measured */
export function toRatios(rows: readonly Row[]): Ratio[] {
  const ratios = new Map<string, Map<string, number>>();
  for (const { corpus, what, unit, target, value } of rows) {
    if (unit !== 'x' || target === '' || value === null || value <= 0) continue;
    const byCorpus = ratios.get(what) ?? new Map<string, number>();
    ratios.set(what, byCorpus.set(corpus, value));
  }
  if (ratios.size === 0) throw new Error('--ratios: no ratio was measured; run the suites cold, beat and fresh too');
  return [...ratios].map(([what, byCorpus]) => ({ what, byCorpus }));
}

const WIDTH = 790;
const PLOT = { left: 236, right: 616, top: 112 };
const ROW_HEIGHT = 28;
const DECADES = [0.001, 0.01, 0.1, 1, 10];

/** Around 0,0. One for each corpus, in turn: told apart without colours. */
const MARKS = [
  '<circle class="bar" r="5"',
  '<rect class="bar" x="-4.5" y="-4.5" width="9" height="9"',
  '<path class="bar" d="M0-6.5 6 5H-6Z"',
  '<path class="bar" d="M0-6.5 6.5 0 0 6.5-6.5 0Z"',
];

export function drawRatios(ratios: readonly Ratio[]): string {
  const corpora = [...new Set(ratios.flatMap(({ byCorpus }) => [...byCorpus.keys()]))];
  const markOf = (corpus: string) => MARKS[corpora.indexOf(corpus) % MARKS.length] as string;
  const bottom = PLOT.top + ratios.length * ROW_HEIGHT;
  const sayRatio = ({ what, byCorpus }: Ratio) =>
    `${what}: ${[...byCorpus].map(([corpus, value]) => `${corpus} ${toShort(value)}`).join(', ')}`;
  return drawPanel(
    { width: WIDTH, height: bottom + 34 },
    {
      summary: `What distprint costs, as a multiple of what it is measured beside. ${ratios.map(sayRatio).join('; ')}`,
      title: 'What it costs, as a multiple of what it is measured beside',
      note: 'Medians of one run. Left of 1x: less than that. Logarithmic: each line is ten times the one before.',
    },
    [
      ...corpora.map((corpus, i) => drawLegend(corpus, markOf(corpus), i)),
      ...DECADES.map((ratio) => drawDecade(ratio, bottom)),
      ...ratios.map((ratio, row) => drawRatio(ratio, markOf, row)),
    ],
  );
}

function drawLegend(corpus: string, mark: string, i: number): string {
  const x = PLOT.left + i * 140;
  return `  ${mark} transform="translate(${x} 74)"/>
  <text class="small" x="${x + 12}" y="78">${toXml(corpus)}</text>`;
}

function drawDecade(ratio: number, bottom: number): string {
  const x = toX(ratio);
  const isOne = ratio === 1;
  return `  <line class="${isOne ? 'line' : 'grid'}" x1="${x}" x2="${x}" y1="${PLOT.top - 8}" y2="${bottom + 4}"/>
  <text class="${isOne ? 'budget' : 'quiet'} small" x="${x}" y="${bottom + 22}" text-anchor="middle">${ratio}x</text>`;
}

function drawRatio({ what, byCorpus }: Ratio, markOf: (corpus: string) => string, row: number): string {
  const y = PLOT.top + row * ROW_HEIGHT + 10;
  const marks = [...byCorpus].map(
    ([corpus, value]) => `  ${markOf(corpus)} transform="translate(${toX(value)} ${y})"/>`,
  );
  const values = [...byCorpus.values()].map(toShort).join(', ');
  return `  <text x="${PLOT.left - 10}" y="${y + 5}" text-anchor="end">${toXml(what)}</text>
${marks.join('\n')}
  <text x="${PLOT.right + 14}" y="${y + 5}">${values}</text>`;
}

/** From a thousandth at the left to ten times as much at the right. */
const toX = (ratio: number): number => toPlace(ratio, 0.001, 10, PLOT.left, PLOT.right);
