import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Report, WORKS } from '../../../src/cli/bench/report.ts';
import { BENCH_MS, benchJson, makeFiles } from '../../helpers/bench.ts';
import { fingerprintOf } from '../../helpers/manifest.ts';
import { isPosix, isWine, onlyWith } from '../../helpers/needs.ts';
import { makeSharedTemp, writePackage } from '../../helpers/tree.ts';

const FILES = 50;
const FOLDERS = 11; // dist, and ten below it
const temp = makeSharedTemp();
const head = writePackage(join(temp, 'head'), makeFiles(FILES));
const base = writePackage(join(temp, 'base'), makeFiles(FILES));
const bytes = Object.values(makeFiles(FILES)).join('').length;
const packageBytes = readFileSync(join(head, 'package.json')).length;
const svg = join(temp, 'costs.svg');

let report: Report;
let code: number | null;
beforeAll(async () => {
  ({ report, code } = await benchJson(head, '--baseline', base, '--svg', svg));
}, BENCH_MS);

describe('distprint bench --json', () => {
  it('says what was measured, and where', () => {
    expect(report).toMatchObject({
      ...{ path: head, kind: 'package', name: 'example', version: '1.2.3', fingerprint: fingerprintOf(head) },
      ...{ files: FILES, bytes },
      machine: { runtime: `Node ${process.versions.node}`, cores: expect.any(Number) },
      limits: { budgetMs: 10_000, maxShare: 0.01, maxStallMs: 5, maxSlower: 0.1 },
      baseline: { path: base, files: FILES, fingerprint: fingerprintOf(base) },
    });
  });

  const onPosix = onlyWith('a file system that tells names apart by case', isPosix); // else dist is looked up in its folder
  onPosix('counts each call of a cold build, a beat and a first answer', () => {
    const { cold, beat, first } = report.counters;
    expect(cold).toMatchObject({ filesListed: FILES, opens: FILES + 1, bytesRead: bytes + packageBytes });
    expect(cold.directoriesListed).toBe(report.directories);
    const nothingRead = { filesListed: 0, directoriesListed: 0, opens: 0, bytesRead: 0 };
    // package.json and dist are looked at by themselves
    expect(beat).toEqual({ ...nothingRead, stats: FILES + report.directories + 2 });
    expect(first).toMatchObject({ filesListed: 0, directoriesListed: 0, opens: 1 });
    expect(first.bytesRead).toBeGreaterThan(FILES * 16);
    expect(first.stats).toBeGreaterThanOrEqual(beat.stats);
    expect(report.directories).toBeGreaterThanOrEqual(FOLDERS);
  });

  const soonClean = onlyWith('a build that is trusted soon after it was written, which under Wine it is not', !isWine);
  soonClean('counts the same for equal builds', () => {
    const withoutCache = ({ counters }: Pick<Report, 'counters'>) => ({
      ...counters,
      first: { ...counters.first, bytesRead: 0 }, // it holds the path
    });
    expect(withoutCache(report.baseline as NonNullable<Report['baseline']>)).toEqual(withoutCache(report));
  });

  it('has times in order, each with its floor and its share of the budget', () => {
    for (const work of WORKS) {
      const { median, lower, upper, samples, floor, ratio, share, user, system } = report.times[work];
      expect(samples.length).toBeGreaterThanOrEqual(5);
      expect(lower).toBeLessThanOrEqual(median);
      expect(median).toBeLessThanOrEqual(upper);
      expect(share).toBeCloseTo(median / 10_000);
      expect(floor.median).toBeGreaterThan(0);
      expect(ratio.median).toBeGreaterThan(0);
      if (!isWine) expect(user + system).toBeGreaterThan(0); // Wine counts none
    }
    expect(report.times.cold.median).toBeGreaterThan(report.times.beat.median);
  });

  onPosix('says where the time goes: a beat is stats, a cold build opens and reads', () => {
    const { cold, beat } = report.spent;
    expect(beat).toMatchObject({ list: 0, open: 0, read: 0 });
    for (const part of [beat.stat, ...Object.values(cold)]) expect(part).toBeGreaterThan(0);
  });

  it('judges each limit once, and the verdict follows', () => {
    expect(report.judged.map(({ what }) => what)).toEqual(['share', 'stall', ...WORKS]);
    const isOver = report.judged.some(({ over }) => over);
    expect(report.verdict).toBe(isOver ? 'over' : 'within');
    expect(code).toBe(isOver ? 1 : 0);
    for (const { value, limit, over } of report.judged.slice(0, 2)) expect(over).toBe(value > limit);
  });

  it('has ratios of both builds, and of the base to itself', () => {
    for (const ratio of Object.values(report.baseline?.ratios ?? {})) {
      expect(ratio.quads).toBeGreaterThanOrEqual(5);
      for (const { lower, median, upper } of [ratio, ratio.noise]) {
        expect(lower).toBeGreaterThan(0);
        expect(lower).toBeLessThanOrEqual(median);
        expect(median).toBeLessThanOrEqual(upper);
      }
    }
    expect(Object.keys(report.baseline?.ratios ?? {})).toEqual(WORKS);
  });

  it('draws with --svg: head, base, the budget and the limit', () => {
    const drawn = readFileSync(svg, 'utf8');
    expect(drawn).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
    expect(drawn.match(/<circle class="bar"/g)).toHaveLength(3);
    expect(drawn.match(/<circle class="base"/g)).toHaveLength(3);
    expect(drawn.match(/<line class="line"/g)).toHaveLength(2);
    expect(drawn).toContain('the budget, 10 s');
    expect(drawn).toContain('the limit of a beat, 1 % of it');
  });
});
