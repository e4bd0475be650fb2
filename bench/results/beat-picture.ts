/** Draws what a beat costs against its heartbeat, as an SVG on a logarithmic scale. */

import { toShort, toTime } from '../../src/cli/bench/figures.ts';
import { drawPanel, round, toPlace, toXml } from '../../src/cli/bench/svg.ts';
import { CPU, FILES, HEARTBEAT_MS, SHARE_TABLE } from './heartbeat.ts';
import { type Row, toNumber } from './table.ts';

export interface Beat {
  /** `next, 8,710 files` */
  readonly label: string;
  readonly ms: number;
}

/** @throws if no beat was measured */
export function toBeats(rows: readonly Row[]): Beat[] {
  const shares = rows.filter(({ table }) => table === SHARE_TABLE);
  const filesOf = (corpus: string) => shares.find((row) => row.corpus === corpus && row.what === FILES)?.value;
  const beats = shares.flatMap(({ corpus, what, value }): Beat[] => {
    if (what !== CPU || value === null) return [];
    const files = filesOf(corpus);
    const label = files == null ? corpus : `${corpus}, ${toNumber(files)} ${files === 1 ? 'file' : 'files'}`;
    return [{ label, ms: (value / 100) * HEARTBEAT_MS }];
  });
  if (beats.length === 0) throw new Error('--svg: no beat was measured; run the suites beat and linear too');
  return beats.sort((a, b) => a.ms - b.ms);
}

const WIDTH = 790;
const PLOT = { left: 196, right: 616, top: 88 };
const ROW_HEIGHT = 30;
const DECADES = [0.001, 0.01, 0.1, 1, 10, 100, 1_000, HEARTBEAT_MS];

export function drawBeats(beats: readonly Beat[]): string {
  const bottom = PLOT.top + beats.length * ROW_HEIGHT;
  const height = bottom + 34;
  const summary = beats.map(({ label, ms }) => `${label}: ${toTime(ms)}`).join('; ');
  return drawPanel(
    { width: WIDTH, height },
    {
      summary: `What a beat costs: ${summary}; a heartbeat has ${toTime(HEARTBEAT_MS)}`,
      title: 'What a beat costs when nothing has changed',
      note: 'CPU time of one check(), out of the 10 s until the next. Logarithmic: each line is ten times the one before.',
    },
    [...DECADES.map((ms) => drawDecade(ms, bottom)), ...beats.map(drawBeat)],
  );
}

function drawDecade(ms: number, bottom: number): string {
  const isBudget = ms === HEARTBEAT_MS;
  const x = toX(ms);
  const budget = `<text class="budget small" x="${x}" y="${PLOT.top - 14}" text-anchor="middle">the heartbeat</text>`;
  return `  <line class="${isBudget ? 'line' : 'grid'}" x1="${x}" x2="${x}" y1="${PLOT.top - 8}" y2="${bottom + 4}"/>
  <text class="${isBudget ? 'budget' : 'quiet'} small" x="${x}" y="${bottom + 22}" text-anchor="middle">${toTime(ms)}</text>
${isBudget ? `  ${budget}\n` : ''}`.trimEnd();
}

function drawBeat({ label, ms }: Beat, row: number): string {
  const y = PLOT.top + row * ROW_HEIGHT;
  const end = toX(ms);
  const share = `${toShort((ms / HEARTBEAT_MS) * 100)} %`;
  return `  <text x="${PLOT.left - 10}" y="${y + 15}" text-anchor="end">${toXml(label)}</text>
  <rect class="bar" x="${PLOT.left}" y="${y + 4}" width="${Math.max(2, round(end - PLOT.left))}" height="14" rx="2"/>
  <text x="${PLOT.right + 14}" y="${y + 15}">${toTime(ms)} <tspan class="quiet">(${share})</tspan></text>`;
}

/** From 1 µs at the left to the heartbeat at the right. */
const toX = (ms: number): number => toPlace(ms, DECADES[0] as number, HEARTBEAT_MS, PLOT.left, PLOT.right);
