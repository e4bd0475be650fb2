/**
 * One row per measured thing, and how rows are shown and judged.
 */

import pc from 'picocolors';
import { type Finding, type Head, isBelowFloor, type Target } from './claims.ts';
import { whyMissed } from './known-misses.ts';

export type Verdict =
  | 'ok'
  | 'MISSED'
  /** What is asked is less than the work floor takes in the same run: shown as missed, does not fail `--check --known`. */
  | 'MISSED (below floor)'
  /** An absolute time in `--quick`: it says as much of the machine as of us, and does not fail `--check`. */
  | 'MISSED (not judged)'
  | 'skipped'
  /** No target. */
  | '';

export interface Row extends Head {
  readonly value: number | null;
  /** `x` a ratio, `%` a share, '' a count; all others are absolute. */
  readonly unit: 'x' | '%' | '' | 'ms' | 'us' | 'MiB';
  readonly target: string;
  readonly verdict: Verdict;
  readonly note: string;
}

/** A ratio of two contenders. */
export function toRatioRow(finding: Finding): Row {
  const { head, ratio, quartiles, rounds, oursMs, versusMs, floorRatio, target } = finding;
  const note = [
    `${toNumber(oursMs)} / ${toNumber(versusMs)} ms`,
    `quartiles ${quartiles.map((value) => value.toFixed(2)).join('–')} of ${rounds}`,
    ...(floorRatio === undefined ? [] : [`floor itself ${floorRatio.median.toFixed(2)}`]),
  ].join(', ');
  const missed = isBelowFloor(finding) ? 'MISSED (below floor)' : 'MISSED';
  return { ...head, value: ratio, unit: 'x', ...toVerdict(ratio, target, missed), note };
}

/** A plain figure. Absolute times and sizes are judged only where `absolute` says so. */
export function toRow(
  head: Head,
  value: number,
  unit: Row['unit'],
  target: Target,
  note = '',
  judged: boolean = true,
): Row {
  return { ...head, value, unit, ...toVerdict(value, target, judged ? 'MISSED' : 'MISSED (not judged)'), note };
}

/** Why there is no figure. */
export function toSkippedRow(head: Head, reason: string): Row {
  return { ...head, value: null, unit: '', target: '', verdict: 'skipped', note: `skipped: ${reason}` };
}

function toVerdict(value: number, target: Target, missed: Verdict): Pick<Row, 'target' | 'verdict'> {
  return { target: target.text, verdict: target.text === '' ? '' : target.met(value) ? 'ok' : missed };
}

/** Whether `--check` fails for this row, but for what is known to be missed. What is skipped is trouble where a machine runs this unattended. */
export function isFailure(row: Row, tolerateKnown: boolean): boolean {
  if (row.verdict === 'skipped') return process.env.CI === 'true';
  if (row.verdict !== 'MISSED' && row.verdict !== 'MISSED (below floor)') return false;
  return !(
    tolerateKnown &&
    (row.verdict === 'MISSED (below floor)' || whyMissed(row, row.value ?? Number.NaN) !== undefined)
  );
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

/** Three digits that count. */
export function toNumber(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('en');
  const decimals = 2 - Math.floor(Math.log10(Math.abs(value)));
  return value.toFixed(Math.min(6, Math.max(0, decimals)));
}
