import { describe, expect, it } from 'vitest';
import { atMost, below, type Claim, isMissed, judge, judgeAll } from '../../bench/results/claims.ts';
import type { Round } from '../../src/cli/bench/measure.ts';

const claim: Claim = {
  head: { table: 'a table', corpus: 'a corpus', what: 'ours / theirs' },
  ours: 'ours',
  versus: 'theirs',
  target: atMost(1.15),
};
const toRounds = (...ours: number[]): Round[] => ours.map((ms) => new Map(Object.entries({ ours: ms, theirs: 1 })));

describe('the quartile rule', () => {
  it('forgives load that makes two rounds of three slow', () => {
    expect(isMissed(judge(claim, toRounds(1.1, 1.1, 1.1, 2, 2, 2, 2, 2, 2)))).toBe(false);
  });

  it('finds 20 % more, spread as rounds are', () => {
    const usual = [0.98, 1.01, 1.04, 1.05, 1.06, 1.07, 1.08, 1.1, 1.16, 1.3, 1.6];
    expect(isMissed(judge(claim, toRounds(...usual)))).toBe(false);
    expect(isMissed(judge(claim, toRounds(...usual.map((ratio) => ratio * 1.2))))).toBe(true);
  });

  it('measures a missed claim again with twice the rounds, and counts the rounds of both tries', async () => {
    const asked: number[] = [];
    const measure = async (rounds: number) => {
      asked.push(rounds);
      return toRounds(...new Array<number>(rounds).fill(asked.length === 1 ? 2 : 1));
    };
    const [finding] = await judgeAll(measure, [claim], 4);
    expect(asked).toEqual([4, 8]);
    expect(finding?.ratios).toEqual([2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1]);
  });

  it('grants a multiple of the least work in rounds in which that takes longer', () => {
    const floored: Claim = { ...claim, target: below(1), floor: { name: 'least', times: 1.03 } };
    const toRound = (ours: number, least: number): Round => new Map(Object.entries({ ours, theirs: 1, least }));
    expect(isMissed(judge(floored, [toRound(1.02, 1)]))).toBe(false);
    expect(isMissed(judge(floored, [toRound(1.04, 1)]))).toBe(true);
    expect(isMissed(judge(floored, [toRound(0.9, 0.5)]))).toBe(false);
  });
});
