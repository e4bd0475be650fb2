import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { toGithub } from '../../../src/cli/bench/github.ts';
import { toHyperfine } from '../../../src/cli/bench/hyperfine.ts';
import { toMarkdown } from '../../../src/cli/bench/markdown.ts';
import type { Report } from '../../../src/cli/bench/report.ts';
import { toText } from '../../../src/cli/bench/text.ts';
import { BENCH_MS, bench, benchJson } from '../../helpers/bench.ts';
import { hasProgram, needs } from '../../helpers/needs.ts';
import { run } from '../../helpers/run.ts';
import { makeTemp } from '../../helpers/temp.ts';
import { makeSharedTemp, writePackage } from '../../helpers/tree.ts';

/** What a name may do to a table, a label and a page. */
const NAME = 'a|b "<i>\\';
const temp = makeSharedTemp();
const tree = { 'package.json': { name: NAME, version: '1.0.0' }, 'dist/a.js': 'alpha' };
const root = writePackage(join(temp, 'root'), tree);
const svg = join(temp, 'costs.svg');

/** Of one real run. */
let report: Report;
beforeAll(async () => {
  writeFileSync(svg, 'older');
  ({ report } = await benchJson(root, '--baseline', root, '--svg', svg));
}, BENCH_MS);

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

describe('a report is written', { timeout: BENCH_MS }, () => {
  it('for people: tables, then a line for each limit', () => {
    const lines = toText(report);
    expect(lines[0]).toMatch(/^a\|b "<i>\\ 1\.0\.0: 1 file in \d+ director.*, xxh64-[0-9a-f]{16}$/);
    for (const title of ['counters, head', 'counters, base', 'times', 'head / base', 'longest stall', 'where the time'])
      expect(
        lines.filter((line) => line.startsWith(title)),
        title,
      ).toHaveLength(1);
    expect(lines.slice(-5)).toEqual([
      expect.stringMatching(/^\w+: a beat takes .* of 10 s; the limit is 1 %$/),
      expect.stringMatching(/^\w+: a beat holds the event loop for .*; the limit is 5 ms$/),
      expect.stringMatching(/^\w+: cold build of head takes [\d.]+ of base; the limit is 1\.10/),
      expect.stringMatching(/^\w+: beat of head takes [\d.]+ of base; the limit is 1\.10/),
      expect.stringMatching(/^\w+: first answer of head takes [\d.]+ of base; the limit is 1\.10/),
    ]);
  });

  it('as Markdown in which every row has the cells of its head, and a name does nothing', () => {
    const text = toMarkdown(report);
    const tables = [...text.matchAll(/(?:^\|.*\|\n)+/gm)].map(([table]) => table.trimEnd().split('\n'));
    expect(tables).toHaveLength(6);
    for (const table of tables) {
      expect(new Set(table.map((row) => row.split('|').length)).size).toBe(1);
      expect(table[1]).toMatch(/^\|(?: --- \|)+$/);
    }
    expect(text).not.toContain('<i>');
    expect(text).toMatch(/^### distprint bench: a&#124;b .*: (?:within|over)\n/);
  });

  it('as github-action-benchmark reads it', () => {
    // Its `customSmallerIsBetter`: name, unit and value; range and extra may be there.
    const points = JSON.parse(JSON.stringify(toGithub(report))) as Record<string, unknown>[];
    for (const { name, unit, value, range = '', extra = '', ...rest } of points) {
      expect([name, unit, range, extra].map((each) => typeof each)).toEqual(new Array(4).fill('string'));
      expect(Number.isFinite(value)).toBe(true);
      expect(rest).toEqual({});
    }
    const names = points.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(expect.arrayContaining([`${NAME}: beat`, `${NAME}: cold build`, `${NAME}: first answer`]));
  });

  needs('hyperfine', hasProgram('hyperfine'))('as hyperfine exports it, and as its 2.0 does', async () => {
    const file = join(makeTemp(), 'real.json');
    await run(['hyperfine', '--runs', '2', '--export-json', file, 'sleep 0.01'], { timeout: 60_000 });
    const [real = {}] = (JSON.parse(readFileSync(file, 'utf8')) as Exported).results;
    const ours = JSON.parse(JSON.stringify(toHyperfine(report))) as Exported;
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

  it('as an SVG that is well-formed, whatever a package is called', () => {
    const drawn = readFileSync(svg, 'utf8');
    expect(drawn).toContain('What a|b "&lt;i>\\ 1.0.0 costs, against its number of files');
    expect(drawn.replaceAll(/<\/?[a-z]+(?:\s+[\w:-]+="[^"<]*")*\s*\/?>/g, '')).not.toContain('<');
  });

  needs('promtool', hasProgram('promtool'))('as metrics that promtool has nothing to say about', async () => {
    const { code, stdout, stderr } = await bench([root, '--quick', '--max-stall', '10s', '--format', 'openmetrics']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const checked = await run(['promtool', 'check', 'metrics'], { input: stdout });
    expect(checked).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(stdout).toMatch(
      /^distprint_bench_duration_seconds\{source=".*",work="beat",statistic="median"\} [\d.e-]+$/m,
    );
    expect(stdout).toMatch(/^distprint_bench_over\{source=".*",limit="share"\} 0$/m);
    expect(stdout).toContain('name="a|b \\"<i>\\\\"');
    expect(stdout.endsWith('# EOF\n')).toBe(true);
  });
});
