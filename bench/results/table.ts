/** A row for each measured thing, and how rows are judged and printed. */

import pc from 'picocolors';
import { median, quantile } from '../../src/cli/bench/measure.ts';
import { type Finding, type Target, toJudged } from './claims.ts';
import { type Head, whyMissed } from './known-misses.ts';

export type Verdict =
  | 'ok'
  | 'MISSED'
  /** An absolute time in `--quick`: it says as much about the machine as about the product, and does not fail `--check`. */
  | 'MISSED (not judged)'
  | 'skipped'
  /** No target. */
  | '';

export interface Row extends Head {
  /** The median. */
  readonly value: number | null;
  /** What the target is held against (claims.ts: the quartile rule). */
  readonly judged: number | null;
  /** `x` a ratio, `%` a share, '' a count; all others are absolute. */
  readonly unit: 'x' | '%' | '' | 'ms' | 'us' | 'MiB';
  readonly target: string;
  readonly verdict: Verdict;
  readonly note: string;
}

/** A ratio of two contenders. */
export function toRatioRow({ head, ratios, judged, oursMs, versusMs, target, floor }: Finding): Row {
  const note = `${toNumber(oursMs)} / ${toNumber(versusMs)} ms, ${toSpread(ratios)}`;
  const granted = floor === undefined ? '' : `; judged ${toNumber(toJudged(judged))}`;
  const granting = floor === undefined ? target : { ...target, text: `${target.text}, or floor x ${floor.times}` };
  const row = { ...head, value: median(ratios), unit: 'x', note: note + granted } as const;
  return { ...row, ...toVerdict(toJudged(judged), granting, 'MISSED') };
}

/**
 * A plain figure.
 * @param measured one value, or one a round
 * @param judged whether a miss fails `--check`; an absolute time does so in a full run only
 */
export function toRow(
  head: Head,
  measured: number | readonly number[],
  unit: Row['unit'],
  target: Target,
  note = '',
  judged: boolean = true,
): Row {
  const values = typeof measured === 'number' ? [measured] : measured;
  const verdict = toVerdict(toJudged(values), target, judged ? 'MISSED' : 'MISSED (not judged)');
  return { ...head, value: median(values), unit, ...verdict, note };
}

/** `quartiles 1.02–1.10 of 11` */
export function toSpread(values: readonly number[]): string {
  const [low, high] = [quantile(values, 0.25), quantile(values, 0.75)];
  return `quartiles ${toNumber(low)}–${toNumber(high)} of ${values.length}`;
}

/** Why there is no figure. */
export function toSkippedRow(head: Head, reason: string): Row {
  return { ...head, value: null, judged: null, unit: '', target: '', verdict: 'skipped', note: `skipped: ${reason}` };
}

function toVerdict(judged: number, target: Target, missed: Verdict): Pick<Row, 'judged' | 'target' | 'verdict'> {
  return { judged, target: target.text, verdict: target.text === '' ? '' : target.met(judged) ? 'ok' : missed };
}

/**
 * Whether `--check` fails for this row.
 * A skipped row fails only with CI=true: there nobody reads what was left out.
 */
export function isFailure(row: Row, tolerateKnown: boolean): boolean {
  if (row.verdict === 'skipped') return process.env.CI === 'true';
  if (row.verdict !== 'MISSED') return false;
  return !(tolerateKnown && whyMissed(row, row.judged ?? Number.NaN) !== undefined);
}

/** Rows of one table, aligned, one line each. */
export function formatTable(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.corpus,
    row.what,
    row.value === null ? '' : `${toNumber(row.value)}${row.unit === '' ? '' : ` ${row.unit}`}`,
    row.target,
    row.verdict,
    row.note,
  ]);
  const head = ['corpus', 'what', 'value', 'target', 'verdict', 'medians and spread'];
  const widths = head.map((title, i) => Math.max(title.length, ...cells.map((line) => line[i]?.length ?? 0)));
  const toLine = (line: readonly string[]) =>
    line.map((cell, i) => (i === 2 ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0))).join('  ');
  return [
    pc.bold(toLine(head).trimEnd()),
    ...cells.map((line, i) => paint(rows[i] as Row, toLine(line).trimEnd())),
  ].join('\n');
}

function paint({ verdict }: Row, line: string): string {
  if (verdict === 'MISSED') return pc.red(line);
  return verdict.startsWith('MISSED') || verdict === 'skipped' ? pc.yellow(line) : line;
}

/** Three significant digits. */
export function toNumber(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('en');
  const decimals = 2 - Math.floor(Math.log10(Math.abs(value)));
  return value.toFixed(Math.min(6, Math.max(0, decimals)));
}
