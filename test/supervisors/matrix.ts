/**
 * The matrix: what each cell came to, against the table that is committed in docs/supervisors.md.
 */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { repository } from '../helpers/run.ts';

const PAGE = join(repository, 'docs/supervisors.md');
const BEGIN = '<!-- matrix: begin -->';
const END = '<!-- matrix: end -->';
export const isRewrite = process.env.REWRITE_MATRIX === '1';

/** The columns, in order. All words; milliseconds are printed apart, and not compared. */
export const COLUMNS = {
  supervisor: 'supervisor',
  runtime: 'runtime',
  strategy: 'strategy',
  same: '1 same bytes',
  release: '2 new release',
  children: 'its children',
  broken: '3 cannot start',
  optOut: '4 opted out',
  row: '5 many releases',
  killed: '6 killed in a hand-off',
} as const;

export type Row = Record<keyof typeof COLUMNS, string>;

export const NOT_TRIED = '–';
export const keyOf = ({ supervisor, runtime }: Pick<Row, 'supervisor' | 'runtime'>) => `${supervisor}, ${runtime}`;

/** Notes what a cell came to, and fails where the committed table says something else. */
export function record(folder: string, row: Row, gapMs: number | null): void {
  const rows = join(folder, 'rows');
  mkdirSync(rows, { recursive: true });
  writeFileSync(join(rows, `${encodeURIComponent(keyOf(row))}.json`), JSON.stringify({ row, gapMs }));
  if (!isRewrite) expect(row, 'REWRITE_MATRIX=1 writes what was measured').toEqual(committed().get(keyOf(row)));
}

/** The committed rows by their first two cells. */
export function committed(): Map<string, Row> {
  const page = readFileSync(PAGE, 'utf8');
  const lines = page
    .slice(page.indexOf(BEGIN) + BEGIN.length, page.indexOf(END))
    .trim()
    .split('\n')
    .slice(2);
  return new Map(
    lines.map((line) => {
      const cells = line.split('|').slice(1, -1);
      const names = Object.keys(COLUMNS) as (keyof Row)[];
      const row = Object.fromEntries(names.map((name, i) => [name, cells[i]?.trim() ?? ''])) as Row;
      return [keyOf(row), row];
    }),
  );
}

/** Prints what was measured; rewrites the committed table where that is asked for. */
export function finishMatrix(folder: string): void {
  const measured = readRows(folder);
  if (measured.length === 0) return;
  const gaps = measured.filter(({ gapMs }) => gapMs !== null).map(({ row, gapMs }) => `${keyOf(row)}: ${gapMs}`);
  process.stdout.write(`\n${toTable(measured.map(({ row }) => row))}\nms without an answer at an upgrade:\n`);
  process.stdout.write(`${gaps.map((gap) => `  ${gap}`).join('\n')}\n`);
  if (!isRewrite) return;
  const rows = committed();
  for (const { row } of measured) rows.set(keyOf(row), row);
  const page = readFileSync(PAGE, 'utf8');
  const [before, after] = [page.slice(0, page.indexOf(BEGIN)), page.slice(page.indexOf(END))];
  writeFileSync(PAGE, `${before}${BEGIN}\n\n${toTable([...rows.values()].sort(byCell))}\n${after}`);
}

function readRows(folder: string): { row: Row; gapMs: number | null }[] {
  let names: string[] = [];
  try {
    names = readdirSync(join(folder, 'rows'));
  } catch {
    return []; // no cell came to its end
  }
  const rows = names.map((name) => JSON.parse(readFileSync(join(folder, 'rows', name), 'utf8')));
  return rows.sort((a, b) => byCell(a.row, b.row));
}

const byCell = (a: Row, b: Row) => (keyOf(a) < keyOf(b) ? -1 : 1);

function toTable(rows: readonly Row[]): string {
  const names = Object.keys(COLUMNS) as (keyof Row)[];
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  const head = line(Object.values(COLUMNS)) + line(names.map(() => '---'));
  return head + rows.map((row) => line(names.map((name) => row[name]))).join('');
}
