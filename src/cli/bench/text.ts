/**
 * A report for people, on a terminal.
 * @module
 */

import type { Report } from './report.ts';
import { type Table, toBuildLine, toJudgementLine, toMachineLine, toTables } from './tables.ts';

/** The lines. Those of the limits come last. */
export function toText(report: Report): string[] {
  const { baseline, judged } = report;
  return [
    toBuildLine(report),
    ...(baseline === null ? [] : [`base: ${toBuildLine(baseline)}`]),
    toMachineLine(report),
    ...toTables(report).flatMap((table) => ['', ...align(table)]),
    '',
    ...judged.map((judgement) => toJudgementLine(judgement, report)),
  ];
}

/** The first column to the left, figures to the right. */
function align({ head, rows }: Table): string[] {
  const lines = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines.map((line) =>
    line
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  );
}
