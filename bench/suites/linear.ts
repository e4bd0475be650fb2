/**
 * How the cost of a beat grows with the tree: generated trees of 1,000 to 100,000 small files, 50 a directory.
 *
 * Judged is the cost of a file at 100,000 against that at 1,000. One `lstatSync` costs more there too, since neither the kernel's
 * nor the processor's caches hold everything. So the growth of the beat is divided by the growth of the floor.
 */

import { join } from 'node:path';
import { statAll } from '../../src/cli/bench/floor.ts';
import { type Contender, interleave, median, type Round } from '../../src/cli/bench/measure.ts';
import type { Bench } from '../context.ts';
import { atMost, type Claim, judge, shown } from '../results/claims.ts';
import { CPU, toShareRow } from '../results/heartbeat.ts';
import { toRatioRow, toRow, toSpread } from '../results/table.ts';
import { generateTree, waitUntilNotRacy } from '../subjects/trees.ts';
import { slowed } from '../timing/slowdown.ts';

const SIZES = [1_000, 10_000, 30_000, 100_000] as const;
const TABLE = 'beat by number of files';

export async function benchLinear(bench: Bench): Promise<void> {
  const sizes = bench.quick ? SIZES.filter((size) => size !== 30_000) : SIZES;
  const trees = sizes.map((size) => ({ size, path: generateTree(size) }));
  await waitUntilNotRacy();
  const contenders: Contender[] = [];
  for (const { size, path } of trees) {
    const detector = bench.lib.createDetector({ path, include: ['**/*'] });
    const files = detector.baseline.entries.map((entry) => join(path, entry.path));
    if (files.length !== size) throw new Error(`${path} holds ${files.length} files, not ${size}`);
    contenders.push(
      { name: `lstat ${size}`, run: () => statAll(files) },
      { name: `check ${size}`, run: slowed(() => detector.check()) },
    );
  }
  const rounds = await interleave(contenders, bench.quick ? 5 : 15);
  for (const { size } of trees) reportSize(bench, size, rounds);
  reportGrowth(bench, rounds);
}

function reportSize({ report }: Bench, size: number, rounds: readonly Round[]): void {
  const corpus = `${size.toLocaleString('en')} files`;
  const head = { table: TABLE, corpus, what: 'check / lstat' };
  const claim: Claim = { head, ours: `check ${size}`, versus: `lstat ${size}`, target: shown };
  const finding = judge(claim, rounds);
  report(toRatioRow(finding));
  report(toRow({ table: TABLE, corpus, what: 'check, a file' }, (finding.oursMs * 1000) / size, 'us', shown));
  if (size === SIZES.at(-1)) report(toShareRow(corpus, CPU, finding.oursMs, `median of ${rounds.length}`));
}

function reportGrowth({ report }: Bench, rounds: readonly Round[]): void {
  const [small, large] = [SIZES[0], SIZES[SIZES.length - 1]] as [number, number];
  const growth = (name: string, round: Round) =>
    ((round.get(`${name} ${large}`) ?? Number.NaN) / (round.get(`${name} ${small}`) ?? Number.NaN)) * (small / large);
  const grown = (name: string) => median(rounds.map((round) => growth(name, round)));
  const relative = rounds.map((round) => growth('check', round) / growth('lstat', round));
  const note = `cost of a file at ${large.toLocaleString('en')} / at ${small.toLocaleString('en')}: check ${grown('check').toFixed(2)}, lstat ${grown('lstat').toFixed(2)}; ${toSpread(relative)}`;
  report(toRow({ table: TABLE, corpus: 'all', what: 'growth of check / of lstat' }, relative, 'x', atMost(1.25), note));
}
