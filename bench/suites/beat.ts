/**
 * A beat on a tree that nobody touched: `checkSync()` and `check()` of a detector that knows the tree, against
 * - the floor of a beat: one `lstatSync` for each file of a ready list;
 * - a `git status` process on the same tree, all of it committed and its index fresh. git stats with several threads, so where an
 *   `lstatSync` for each file and directory takes longer than git, 1.03 times that is granted.
 *
 * Besides: how many files and directories such a beat reads (none), and which share of a heartbeat of 10 s it takes: of the
 * event loop (`performance.eventLoopUtilization`) and of one CPU (`process.cpuUsage`, all threads, user and system).
 */

import { statAll } from '../../src/cli/bench/floor.ts';
import { type Contender, toMeasure } from '../../src/cli/bench/measure.ts';
import type { Bench } from '../context.ts';
import { atMost, below, type Claim, type Finding, judgeAll, shown, type Target } from '../results/claims.ts';
import { CPU, FILES, SHARE_TABLE, toShareRow } from '../results/heartbeat.ts';
import { toRatioRow, toRow } from '../results/table.ts';
import { type Corpus, toFiles, withDirectories } from '../subjects/corpora.ts';
import { copyCorpus, toGitStatus, waitUntilNotRacy } from '../subjects/trees.ts';
import { launch } from '../timing/launcher.ts';
import { slowed } from '../timing/slowdown.ts';

const TABLE = 'beat on an unchanged tree';
const FLOOR = { name: 'lstat, directories too', times: 1.03 };

type Detector = ReturnType<Bench['lib']['createDetector']>;

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
  countReads(bench, corpus, detector);

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
  // A single file has no ratio to one stat: its targets are times.
  const versusStats: Claim[] = [
    claim('checkSync', 'lstat', isTree ? atMost(1.15) : shown),
    claim('check', 'lstat', isTree ? atMost(1.25) : shown),
  ];
  const versusGit: Claim[] = [
    { ...claim('checkSync', 'git status', below(1)), ...(isTree && { floor: FLOOR }) },
    { ...claim('check', 'git status', below(1)), ...(isTree && { floor: FLOOR }) },
  ];
  const stats = await judgeAll(toMeasure(contenders), versusStats, quick ? 21 : 61);
  for (const finding of stats) report(toRatioRow(finding));
  if (!isTree) reportTimes(bench, corpus, stats);
  for (const finding of await judgeAll(toMeasure([...contenders, git]), versusGit, quick ? 11 : 41)) {
    report(toRatioRow(finding));
  }
  report(toRow({ table: SHARE_TABLE, corpus: corpus.name, what: FILES }, files.length, '', shown));
  await reportShare(bench, corpus, detector);
}

function reportTimes({ report, quick }: Bench, corpus: Corpus, findings: readonly Finding[]): void {
  for (const { ours, oursMs } of findings) {
    report(toRow({ table: TABLE, corpus: corpus.name, what: ours }, oursMs, 'ms', atMost(0.2), '', !quick));
  }
}

function countReads({ report }: Bench, corpus: Corpus, detector: Detector): void {
  detector.checkSync(); // reads again what was racily clean when the baseline was taken
  const { verdict, filesRead, directoriesRead } = detector.checkSync();
  if (verdict !== 'current') throw new Error(`${corpus.name}: nobody touched it, yet the verdict is ${verdict}`);
  const note = `${filesRead} files, ${directoriesRead} directories`;
  const what = 'files and directories read';
  report(toRow({ table: TABLE, corpus: corpus.name, what }, filesRead + directoriesRead, '', atMost(0), note));
}

async function reportShare({ report, quick }: Bench, corpus: Corpus, detector: Detector): Promise<void> {
  const beat = slowed(() => detector.check());
  const beats = await countBeats(beat, quick ? 200 : 1_000);
  const cpuBefore = process.cpuUsage();
  const loopBefore = performance.eventLoopUtilization();
  for (let i = 0; i < beats; i++) await beat();
  const loopMs = performance.eventLoopUtilization(loopBefore).active / beats;
  const { user, system } = process.cpuUsage(cpuBefore);
  const cpuMs = (user + system) / 1000 / beats;
  report(toShareRow(corpus.name, 'event loop', loopMs, `mean of ${beats}`));
  report(toShareRow(corpus.name, CPU, cpuMs, `mean of ${beats}`));
}

/** How many fill `ms`. */
async function countBeats(beat: () => unknown, ms: number): Promise<number> {
  let beats = 0;
  for (const started = performance.now(); performance.now() - started < ms; beats++) await beat();
  return beats;
}
