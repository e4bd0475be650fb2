import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BENCH_MS, bench } from '../../helpers/bench.ts';
import { hasProgram, needs } from '../../helpers/needs.ts';
import { run } from '../../helpers/run.ts';
import { makePackage, makeTemp } from '../../helpers/temp.ts';

/** What a name may do to a table, a label and a page. */
const NAME = 'a|b "<i>\\';
const root = () => makePackage({ 'package.json': { name: NAME, version: '1.0.0' }, 'dist/a.js': 'alpha' });

async function print(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await bench([root(), '--quick', '--max-stall', '10s', ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

interface Summary {
  unit: string;
  count: number;
  mean: number;
  median: number;
}

interface Exported {
  results: (Record<string, unknown> & {
    times: number[];
    exit_codes: number[];
    mean: number;
    median: number;
    summary: Record<string, Summary>;
    measurements: Record<string, { value: number; unit: string }>[];
  })[];
}

describe('distprint bench', { timeout: BENCH_MS }, () => {
  it('prints for people: tables, then a line for each limit, without a colour for a pipe', async () => {
    const lines = (await print()).trimEnd().split('\n');
    expect(lines[0]).toMatch(/^a\|b "<i>\\ 1\.0\.0: 1 file in \d+ director.*, xxh64-[0-9a-f]{16}$/);
    for (const title of ['counters', 'times', 'longest stall', 'where the time goes'])
      expect(lines.filter((line) => line.startsWith(title))).toHaveLength(1);
    expect(lines.slice(-2)).toEqual([
      expect.stringMatching(/^within: a beat takes .* of 10 s; the limit is 1 %$/),
      expect.stringMatching(/^within: a beat holds the event loop for .*; the limit is 10 s$/),
    ]);
    expect(lines.join('')).not.toContain('\x1b');
  });

  it('prints Markdown in which every row has the cells of its head, and a name does nothing', async () => {
    const text = await print('--md');
    const tables = [...text.matchAll(/(?:^\|.*\|\n)+/gm)].map(([table]) => table.trimEnd().split('\n'));
    expect(tables.length).toBeGreaterThanOrEqual(4);
    for (const table of tables) {
      const counts = table.map((row) => row.split('|').length);
      expect(new Set(counts).size).toBe(1);
      expect(table[1]).toMatch(/^\|(?: --- \|)+$/);
    }
    expect(text).not.toContain('<i>');
    expect(text).toMatch(/^### distprint bench: a&#124;b .*: within\n/);
  });

  it('prints what github-action-benchmark reads', async () => {
    const points = JSON.parse(await print('--format', 'github')) as Record<string, unknown>[];
    // https://github.com/benchmark-action/github-action-benchmark, `customSmallerIsBetter`: name, unit and value; range and extra may be there.
    for (const { name, unit, value, range = '', extra = '', ...rest } of points) {
      expect([name, unit, range, extra].map((each) => typeof each)).toEqual(new Array(4).fill('string'));
      expect(value).toEqual(expect.any(Number));
      expect(Number.isFinite(value)).toBe(true);
      expect(rest).toEqual({});
    }
    const names = points.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(expect.arrayContaining([`${NAME}: beat`, `${NAME}: cold build`, `${NAME}: first answer`]));
  });

  needs('hyperfine', hasProgram('hyperfine'))('prints what hyperfine exports, and what its 2.0 does', async () => {
    const file = join(makeTemp(), 'real.json');
    await run(['hyperfine', '--runs', '2', '--export-json', file, 'sleep 0.01'], { timeout: 30_000 });
    const [real = {}] = (JSON.parse(readFileSync(file, 'utf8')) as Exported).results;
    const ours = JSON.parse(await print('--format', 'hyperfine')) as Exported;
    expect(Object.keys(real).length).toBeGreaterThan(8);
    expect(ours.results).toHaveLength(3);
    for (const result of ours.results) {
      for (const [field, value] of Object.entries(real)) expect(typeof result[field], field).toBe(typeof value);
      const { times, exit_codes: codes, mean, median, summary, measurements } = result;
      expect(codes).toEqual(times.map(() => 0));
      expect(mean).toBeCloseTo(times.reduce((sum, time) => sum + time, 0) / times.length, 9);
      expect(summary.time_wall_clock).toMatchObject({ unit: 'second', count: times.length, mean, median });
      expect(measurements.map(({ time_wall_clock: time }) => time?.value)).toEqual(times);
      expect(Object.keys(summary)).toEqual(['time_wall_clock', 'time_user', 'time_system']);
    }
  });

  needs('promtool', hasProgram('promtool'))('prints metrics that promtool has nothing to say about', async () => {
    const text = await print('--format', 'openmetrics');
    const checked = await run(['promtool', 'check', 'metrics'], { input: text });
    expect(checked).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(text).toMatch(/^distprint_bench_duration_seconds\{source=".*",work="beat",statistic="median"\} [\d.e-]+$/m);
    expect(text).toMatch(/^distprint_bench_over\{source=".*",limit="share"\} 0$/m);
    expect(text).toContain('name="a|b \\"<i>\\\\"');
    expect(text.endsWith('# EOF\n')).toBe(true);
  });

  it('writes an SVG that is well-formed, whatever a package is called', async () => {
    const file = join(makeTemp(), 'costs.svg');
    writeFileSync(file, 'older');
    await print('--svg', file);
    const svg = readFileSync(file, 'utf8');
    expect(svg).toContain('What a|b "&lt;i>\\ 1.0.0 costs, against its number of files');
    expect(svg.replaceAll(/<\/?[a-z]+(?:\s+[\w:-]+="[^"<]*")*\s*\/?>/g, '')).not.toContain('<');
  });
});
