/**
 * A beat on a tree that nobody touched: `checkSync()` and `check()` of a detector that knows the tree, against
 * - the floor of a beat: one `lstatSync` for each file of a ready list (floor.ts);
 * - a `git status` process on the same tree, all of it committed, its index fresh. The floor of this one looks at each directory too:
 *   nothing else tells that a file was added.
 *
 * With it: how many files and directories such a beat reads (counted by the library, and none are expected), and the share
 * that a beat takes of a heartbeat of 10 s: of the event loop's time (`performance.eventLoopUtilization`) and of one CPU
 * (`process.cpuUsage`, all threads, user and system).
 */

import { atMost, below, type Claim, compare, type Finding, shown, type Target } from './claims.ts';
import { type Bench, toFiles, withDirectories } from './context.ts';
import type { Corpus } from './corpora.ts';
import { statAll } from './floor.ts';
import { launch } from './launcher.ts';
import type { Contender } from './measure.ts';
import { slowed } from './slowdown.ts';
import { toRatioRow, toRow } from './table.ts';
import { copyCorpus, toGitStatus, waitUntilNotRacy } from './trees.ts';

const TABLE = 'beat on an unchanged tree';
const HEARTBEAT_MS = 10_000;

type Detector = ReturnType<Bench['lib']['createDetector']>;

export async function benchBeat(bench: Bench): Promise<void> {
  const copies = bench.corpora.map((corpus) => copyCorpus(bench, corpus, 'git'));
  for (const { root } of copies) await launch(toGitStatus(root)); // which refreshes its index
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
    { name: 'lstat, directories too', run: () => statAll(places) },
    { name: 'checkSync', run: slowed(() => detector.checkSync()) },
    { name: 'check', run: slowed(() => detector.check()) },
    { name: 'git status', run: { elsewhere: () => launch(toGitStatus(corpus.root)) } },
  ];
  const isTree = files.length > 1;
  const claim = (ours: string, versus: string, target: Target, floor?: string): Claim => {
    const head = { table: TABLE, corpus: corpus.name, what: `${ours} / ${versus}` };
    return { head, ours, versus, target, ...(floor !== undefined && { floor }) };
  };
  const claims: Claim[] = [
    claim('checkSync', 'lstat', isTree ? atMost(1.15) : shown),
    claim('check', 'lstat', isTree ? atMost(1.25) : shown),
    claim('checkSync', 'git status', below(1), 'lstat, directories too'),
    claim('check', 'git status', below(1), 'lstat, directories too'),
  ];
  const findings = await compare(bench, contenders, claims, quick ? 11 : 41);
  for (const finding of findings) report(toRatioRow(finding));
  if (!isTree) reportTimes(bench, corpus, findings.slice(0, 2));
  await reportShare(bench, corpus, detector);
}

/** The executable's targets are times: beside one stat, the fixed cost of a beat counts. */
function reportTimes({ report, quick }: Bench, corpus: Corpus, findings: readonly Finding[]): void {
  for (const { ours, oursMs } of findings) {
    report(toRow({ table: TABLE, corpus: corpus.name, what: ours }, oursMs, 'ms', atMost(0.2), '', !quick));
  }
}

function countReads({ report }: Bench, corpus: Corpus, detector: Detector): void {
  detector.checkSync(); // reads once more what was racily clean when the baseline was taken
  const { verdict, filesRead, directoriesRead } = detector.checkSync();
  if (verdict !== 'current') throw new Error(`${corpus.name}: nobody touched it, yet it is ${verdict}`);
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
  for (const [what, ms] of [
    ['event loop', loopMs],
    ['CPU', cpuMs],
  ] as const) {
    const note = `${ms.toFixed(3)} ms a beat, mean of ${beats}`;
    const head = { table: 'share of a 10 s heartbeat', corpus: corpus.name, what };
    report(toRow(head, (ms / HEARTBEAT_MS) * 100, '%', shown, note));
  }
}

/** As many as fill `ms`. */
async function countBeats(beat: () => unknown, ms: number): Promise<number> {
  let beats = 0;
  for (const started = performance.now(); performance.now() - started < ms; beats++) await beat();
  return beats;
}
