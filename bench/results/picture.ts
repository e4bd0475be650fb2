/** Draws what a beat costs against its heartbeat, as an SVG on a logarithmic scale. */

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

/** Has its own background: a viewer that does not know the colour scheme still shows dark text on white. */
const STYLE = `
    text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #1f2328; }
    .panel { fill: #ffffff; stroke: #d1d9e0; }
    .title { font-size: 15px; font-weight: 600; }
    .quiet { fill: #59636e; }
    .small { font-size: 12px; }
    .budget { fill: #bc4c00; font-weight: 600; }
    .grid { stroke: #d1d9e0; }
    .line { stroke: #bc4c00; stroke-width: 2; }
    .bar { fill: #0969da; }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc; }
      .panel { fill: #0d1117; stroke: #3d444d; }
      .quiet { fill: #9198a1; }
      .budget { fill: #f0883e; }
      .grid { stroke: #3d444d; }
      .line { stroke: #f0883e; }
      .bar { fill: #4493f8; }
    }`;

export function drawBeats(beats: readonly Beat[]): string {
  const bottom = PLOT.top + beats.length * ROW_HEIGHT;
  const height = bottom + 34;
  const summary = beats.map(({ label, ms }) => `${label}: ${toTime(ms)}`).join('; ');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
  <title>What a beat costs: ${toXml(summary)}; a heartbeat has ${toTime(HEARTBEAT_MS)}</title>
  <style>${STYLE}
  </style>
  <rect class="panel" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="6"/>
  <text class="title" x="16" y="28">What a beat costs when nothing has changed</text>
  <text class="quiet small" x="16" y="48">CPU time of one check(), out of the 10 s until the next. Logarithmic: each line is ten times the one before.</text>
${DECADES.map((ms) => drawDecade(ms, bottom)).join('\n')}
${beats.map(drawBeat).join('\n')}
</svg>
`;
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
function toX(ms: number): number {
  const [low, high] = [Math.log10(DECADES[0] as number), Math.log10(HEARTBEAT_MS)];
  const share = (Math.log10(ms) - low) / (high - low);
  return round(PLOT.left + Math.min(1, Math.max(0, share)) * (PLOT.right - PLOT.left));
}

function toTime(ms: number): string {
  if (ms >= 1_000) return `${toShort(ms / 1_000)} s`;
  return ms < 1 ? `${toShort(ms * 1_000)} µs` : `${toShort(ms)} ms`;
}

/** Two significant digits. */
const toShort = (value: number) => Number(value.toPrecision(2)).toLocaleString('en', { maximumFractionDigits: 6 });

const round = (value: number) => Math.round(value * 10) / 10;
const toXml = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
