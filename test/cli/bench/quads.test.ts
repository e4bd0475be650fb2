import { describe, expect, it } from 'vitest';
import { watchCalls } from '../../../src/cli/bench/calls.ts';
import { judge, judgeRatio } from '../../../src/cli/bench/judge.ts';
import type { Contender } from '../../../src/cli/bench/measure.ts';
import { measureQuads } from '../../../src/cli/bench/quads.ts';
import { type Ratio, type Report, toSpread, WORKS, type Work } from '../../../src/cli/bench/report.ts';
import { measureStall } from '../../../src/cli/bench/stall.ts';

/** Works for so many million steps: on a busy machine that takes longer, but no more of a core. */
function count(millions: number): number {
  let sum = 0;
  for (let i = 0; i < millions * 1e6; i++) sum = (sum * 31 + i) | 0;
  return sum;
}

const toContender = (name: string, millions: number): Contender => ({ name, run: () => count(millions) });
const LIMIT = { limitMs: 60_000, atLeast: 9 };

describe('quads', { timeout: 60_000 }, () => {
  it('tell what takes half as long again, and that a build is as fast as itself', async () => {
    const { ratios, noise } = await measureQuads(toContender('base', 4), toContender('head', 6), 9, LIMIT);
    expect([ratios.length, noise.length]).toEqual([9, 9]);
    expect(toSpread(ratios).lower).toBeGreaterThan(1.2);
    expect(toSpread(noise).lower).toBeLessThan(1.1);
    expect(toSpread(noise).upper).toBeGreaterThan(0.9);
  });

  it('are A B B A, then B A A B', async () => {
    const order: string[] = [];
    const fresh = (name: string): Contender => ({
      name,
      run: {
        isFresh: true,
        elsewhere: async () => {
          order.push(name);
          return 1;
        },
      },
    });
    const { ratios } = await measureQuads(fresh('A'), fresh('B'), 2, LIMIT);
    expect(order.join('')).toBe('ABBABAAB');
    expect(ratios).toEqual([1, 1]);
  });
});

describe('the verdict on a ratio', () => {
  const at = (lower: number) => ({ lower, median: lower, upper: lower });

  it.each([
    [1.05, 1, false],
    [1.11, 1, true],
    [1.11, 1.09, true],
    [1.11, 1.12, false],
    [0.8, 1.3, false],
  ])('of %d where base by base is %d: over is %s', (lower, noise, over) => {
    expect(judgeRatio('beat', { lower, noise: at(noise) }, 1.1)).toMatchObject({ value: lower, limit: 1.1, over });
  });

  it('is beside those on share and stall', () => {
    const limits = { budgetMs: 1_000, maxShare: 0.01, maxStallMs: 5, maxSlower: 0.1 };
    const of = (value: unknown) => Object.fromEntries(WORKS.map((work) => [work, value]));
    const times = of(at(9)) as unknown as Report['times'];
    const ratios = of({ ...at(1), noise: at(1), quads: 5 }) as Record<Work, Ratio>;
    const overs = (measured: object) =>
      judge({ times, stalls: { cold: at(9), beat: at(4) }, ratios, ...measured }, limits)
        .filter(({ over }) => over)
        .map(({ what }) => what);
    expect(overs({})).toEqual([]);
    expect(overs({ times: of(at(11)) })).toEqual(['share']);
    expect(overs({ stalls: { cold: at(1), beat: at(6) } })).toEqual(['stall']);
    expect(overs({ ratios: of({ ...at(1.2), noise: at(1), quads: 5 }) })).toEqual(WORKS);
  });
});

describe('a stall', () => {
  it('is the longest turn of the loop, and not the whole', async () => {
    const whole = await measureStall(async () => {
      count(100);
    });
    const sliced = await measureStall(async () => {
      for (let i = 0; i < 20; i++) {
        count(5);
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    expect(sliced).toBeGreaterThan(0);
    expect(sliced).toBeLessThan(whole / 2);
  });
});

describe('calls', () => {
  it('are those of the work alone, and the functions are as they were after it, also if it fails', async () => {
    const { default: fs } = await import('node:fs');
    const before = { ...fs };
    const { counters } = await watchCalls(() => fs.lstatSync('.'));
    expect(counters).toEqual({ filesListed: 0, directoriesListed: 0, stats: 1, opens: 0, bytesRead: 0 });
    const failing = watchCalls(() => {
      fs.statSync('.');
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect({ ...fs }).toEqual(before);
  });
});
