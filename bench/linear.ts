/**
 * How a beat's cost grows with the tree: generated trees of 1,000 to 100,000 small files, 50 a directory.
 *
 * Judged is the cost a file at 100,000 against that at 1,000. It need not be the same to be linear, for one `lstatSync` costs
 * more there too, where neither the kernel's nor the processor's caches hold everything: so the growth of the beat
 * is divided by the growth of the floor, that is, beat / floor is compared between the two sizes.
 */

import { join } from 'node:path';
import { atMost, type Claim, judge, shown } from './claims.ts';
import type { Bench } from './context.ts';
import { statAll } from './floor.ts';
import { type Contender, interleave, median, type Round } from './measure.ts';
import { slowed } from './slowdown.ts';
import { toNumber, toRatioRow, toRow } from './table.ts';
import { generateTree, waitUntilNotRacy } from './trees.ts';

const SIZES = [1_000, 10_000, 30_000, 100_000] as const;
const TABLE = 'beat by number of files';
const HEARTBEAT_MS = 10_000;

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
  const rounds = await interleave(contenders, bench.quick ? 3 : 15);
  for (const { size } of trees) reportSize(bench, size, rounds);
  reportGrowth(bench, rounds);
}

function reportSize({ report }: Bench, size: number, rounds: readonly Round[]): void {
  const corpus = `${size.toLocaleString('en')} files`;
  const head = { table: TABLE, corpus, what: 'check / lstat' };
  const claim: Claim = { head, ours: `check ${size}`, versus: `lstat ${size}`, target: shown };
  const finding = judge(claim, rounds);
  report(toRatioRow(finding));
  const share = `${((finding.oursMs / HEARTBEAT_MS) * 100).toFixed(2)} % of 10 s`;
  const note = `${toNumber(finding.oursMs)} ms a beat, ${share}`;
  report(toRow({ table: TABLE, corpus, what: 'check, a file' }, (finding.oursMs * 1000) / size, 'us', shown, note));
}

function reportGrowth({ report }: Bench, rounds: readonly Round[]): void {
  const [small, large] = [SIZES[0], SIZES[SIZES.length - 1]] as [number, number];
  const growth = (name: string, round: Round) =>
    ((round.get(`${name} ${large}`) ?? Number.NaN) / (round.get(`${name} ${small}`) ?? Number.NaN)) * (small / large);
  const grown = (name: string) => median(rounds.map((round) => growth(name, round)));
  const relative = median(rounds.map((round) => growth('check', round) / growth('lstat', round)));
  const note = `cost a file at ${large.toLocaleString('en')} / at ${small.toLocaleString('en')}: check ${grown('check').toFixed(2)}, lstat ${grown('lstat').toFixed(2)}`;
  report(toRow({ table: TABLE, corpus: 'all', what: 'growth of check / of lstat' }, relative, 'x', atMost(1.25), note));
}
