/**
 * A beat on a tree that nobody touched: `checkSync()` and `check()` of a detector that knows the tree, against
 * - the floor of a beat: one `lstatSync` for each file and each directory of a ready list. A file that is new shows in its directory
 *   alone, so that much any beat has to do. The files alone are shown beside it: the directories take 4 to 15 % more than they;
 * - a `git status` process on the same tree, all of it committed and its index fresh. git stats with several threads, so where an
 *   `lstatSync` for each file and directory takes longer than git, 1.03 times that is granted.
 *
 * What such a beat reads (nothing), and which share of a heartbeat it takes, the product says itself (own.ts).
 */

import { statAll } from '../../src/cli/bench/floor.ts';
import { type Contender, toMeasure } from '../../src/cli/bench/measure.ts';
import type { Bench } from '../context.ts';
import { atMost, below, type Claim, type Finding, judgeAll, shown, type Target } from '../results/claims.ts';
import { toRatioRow, toRow } from '../results/table.ts';
import { type Corpus, toFiles, withDirectories } from '../subjects/corpora.ts';
import { copyCorpus, toGitStatus, waitUntilNotRacy } from '../subjects/trees.ts';
import { launch } from '../timing/launcher.ts';
import { slowed } from '../timing/slowdown.ts';

const TABLE = 'beat on an unchanged tree';
const FLOOR = { name: 'lstat, directories too', times: 1.03 };

export async function benchBeat(bench: Bench): Promise<void> {
  const copies = bench.corpora.map((corpus) => copyCorpus(bench.lib, corpus, 'git'));
  for (const { root } of copies) await launch(toGitStatus(root)); // refreshes its index
  await waitUntilNotRacy();
  for (const copy of copies) await benchCopy(bench, copy);
}

async function benchCopy(bench: Bench, corpus: Corpus): Promise<void> {
  const { lib, quick, report } = bench;
  const detector = lib.createDetector({ path: corpus.path, ...corpus.options });
  const files = toFiles(corpus, detector.baseline.entries);
  const places = withDirectories(corpus, files);

  const contenders: Contender[] = [
    { name: 'lstat', run: () => statAll(files) },
    { name: FLOOR.name, run: () => statAll(places) },
    { name: 'checkSync', run: slowed(() => detector.checkSync()) },
    { name: 'check', run: slowed(() => detector.check()) },
  ];
  const git: Contender = { name: 'git status', run: { elsewhere: () => launch(toGitStatus(corpus.root)) } };
  const isTree = files.length > 1;
  const claim = (ours: string, versus: string, target: Target): Claim => {
    const head = { table: TABLE, corpus: corpus.name, what: `${ours} / ${versus}` };
    return { head, ours, versus, target };
  };
  const versusFiles = [claim('checkSync', 'lstat', shown), claim('check', 'lstat', shown)];
  // A single file has no ratio to one stat: its targets are times.
  const versusFloor = isTree
    ? [claim('checkSync', FLOOR.name, atMost(1.08)), claim('check', FLOOR.name, atMost(1.15))]
    : [];
  const versusGit: Claim[] = [
    { ...claim('checkSync', 'git status', below(1)), ...(isTree && { floor: FLOOR }) },
    { ...claim('check', 'git status', below(1)), ...(isTree && { floor: FLOOR }) },
  ];
  const stats = await judgeAll(toMeasure(contenders), [...versusFiles, ...versusFloor], quick ? 21 : 61);
  for (const finding of stats) report(toRatioRow(finding));
  if (!isTree) reportTimes(bench, corpus, stats);
  for (const finding of await judgeAll(toMeasure([...contenders, git]), versusGit, quick ? 11 : 41)) {
    report(toRatioRow(finding));
  }
}

function reportTimes({ report, quick }: Bench, corpus: Corpus, findings: readonly Finding[]): void {
  for (const { ours, oursMs } of findings) {
    report(toRow({ table: TABLE, corpus: corpus.name, what: ours }, oursMs, 'ms', atMost(0.2), '', !quick));
  }
}
