/**
 * Beats that find something: after a `touch` of every file, and after one file changed (in place, and by rename).
 *
 * Each round touches and changes all trees and waits until no file is racily clean, as at most beats of a 10 s heartbeat. Then it times
 * - the beat after the touch, against a cold build at that moment; and the next beat, against the one after it;
 * - the beat after one file of next changed, against the warm beats of the same detector before.
 */

import { closeSync, openSync, readFileSync, readSync, renameSync, utimesSync, writeFileSync, writeSync } from 'node:fs';
import { median, type Round, shuffle, startWorkClock } from '../../src/cli/bench/measure.ts';
import type { Bench } from '../context.ts';
import type { Library } from '../library.ts';
import { atMost, type Claim, type Finding, judgeAll, shown } from '../results/claims.ts';
import { toRatioRow, toRow } from '../results/table.ts';
import { type Corpus, toFiles } from '../subjects/corpora.ts';
import { copyCorpus, noteWrite, waitUntilNotRacy } from '../subjects/trees.ts';
import { slowed } from '../timing/slowdown.ts';

const CHANGES = { 'in-place': changeInPlace, rename: changeByRename } as const;
type Change = keyof typeof CHANGES;

interface Watched {
  readonly corpus: Corpus;
  readonly detector: ReturnType<Library['createDetector']>;
  readonly files: readonly string[];
}

interface Changed extends Watched {
  readonly change: Change;
  /** Beats right before the one that is timed: that would be the first after a wait, which the warm beats are not. */
  readonly twin: Watched['detector'];
}

export async function benchMoved(bench: Bench): Promise<void> {
  const touched = bench.corpora.map((corpus) => watch(bench, copyCorpus(bench.lib, corpus, 'git')));
  const largest = touched.reduce((a, b) => (b.files.length > a.files.length ? b : a));
  const original = bench.corpora.find(({ name }) => name === largest.corpus.name) as Corpus;
  const changed = (Object.keys(CHANGES) as Change[]).map((change): Changed => {
    const corpus = copyCorpus(bench.lib, original, change);
    return { ...watch(bench, corpus), twin: watch(bench, corpus).detector, change };
  });
  const reads = new Map<string, number>();
  const measure = async (count: number, names: ReadonlySet<string>) => {
    const rounds: Round[] = [];
    for (let i = 0; i < count; i++) rounds.push(await measureRound(bench, touched, changed, names, reads));
    return rounds;
  };
  const questions = [
    ...touched.flatMap(({ corpus: { name } }) => toTouchQuestions(name)),
    ...changed.map(({ change }) => toChangeQuestion(change, largest.corpus.name)),
  ];
  const claims = questions.map(({ claim }) => claim);
  const findings = await judgeAll(measure, claims, bench.quick ? 4 : 9);
  questions.forEach(({ claim, mayRead }, i) => {
    bench.report(toRatioRow(findings[i] as Finding));
    if (mayRead === undefined) return;
    const read = reads.get(claim.ours) ?? Number.NaN;
    bench.report(toRow({ ...claim.head, what: 'read by it' }, read, '', atMost(mayRead), 'most of all rounds'));
  });
}

interface Question {
  readonly claim: Claim;
  /** How many files and directories this beat may read. */
  readonly mayRead?: number;
}

function toTouchQuestions(corpus: string): Question[] {
  const table = 'after a touch of every file';
  return [
    {
      claim: {
        head: { table, corpus, what: 'that beat / cold build' },
        ours: `${corpus} touched`,
        versus: `${corpus} cold`,
        target: atMost(1.1),
      },
    },
    {
      claim: {
        head: { table, corpus, what: 'the next beat / the one after' },
        ours: `${corpus} next`,
        versus: `${corpus} warm`,
        target: shown,
      },
      mayRead: 0,
    },
  ];
}

function toChangeQuestion(change: Change, corpus: string): Question {
  return {
    claim: {
      head: { table: 'after one changed file', corpus, what: `that beat (${change}) / warm beat` },
      ours: change,
      versus: `${change} warm`,
      target: atMost(1.3),
    },
    mayRead: 1 + (change === 'rename' ? 1 : 0), // the file, and the directory that it was renamed in
  };
}

function watch({ lib }: Bench, corpus: Corpus): Watched {
  const detector = lib.createDetector({ path: corpus.path, ...corpus.options });
  return { corpus, detector, files: toFiles(corpus, detector.baseline.entries) };
}

async function measureRound(
  { lib }: Bench,
  touched: readonly Watched[],
  changed: readonly Changed[],
  names: ReadonlySet<string>,
  reads: Map<string, number>,
): Promise<Round> {
  const times = new Map<string, number>();
  const toTouch = touched.filter(
    ({ corpus }) => names.has(`${corpus.name} touched`) || names.has(`${corpus.name} next`),
  );
  const toChange = changed.filter(({ change }) => names.has(change));
  const count = (name: string, found: number) => reads.set(name, Math.max(found, reads.get(name) ?? 0));

  await waitUntilNotRacy();
  for (const { detector, change } of toChange) {
    const warm: number[] = [];
    for (let i = 0; i < 5; i++) warm.push((await time(slowed(() => detector.check())))[0]);
    times.set(`${change} warm`, median(warm.slice(2)));
  }
  for (const { files } of toTouch) touchAll(files);
  for (const { files, change } of toChange) CHANGES[change](toMiddle(files));
  noteWrite();
  await waitUntilNotRacy();

  for (const { corpus, detector } of shuffle(toTouch)) {
    const check = slowed(() => detector.check());
    await lib.buildManifest(corpus.path, corpus.options); // so that neither of the two is the first after the wait
    const [touchedMs] = await time(check);
    const [nextMs, next] = await time(check);
    const [warmMs] = await time(check);
    const [coldMs] = await time(() => lib.buildManifest(corpus.path, corpus.options));
    if (next.verdict !== 'current') throw new Error(`${corpus.name}: only touched, yet the verdict is ${next.verdict}`);
    for (const [what, ms] of Object.entries({ touched: touchedMs, next: nextMs, warm: warmMs, cold: coldMs })) {
      times.set(`${corpus.name} ${what}`, ms);
    }
    count(`${corpus.name} next`, next.filesRead + next.directoriesRead);
  }
  for (const { detector, twin, change, files, corpus } of shuffle(toChange)) {
    await twin.check();
    const [ms, check] = await time(slowed(() => detector.check()));
    times.set(change, ms);
    count(change, check.filesRead + check.directoriesRead);
    CHANGES[change](toMiddle(files)); // and back
    if (check.verdict === 'current') throw new Error(`${corpus.name}: a changed file was missed (${change})`);
  }
  noteWrite();
  return times;
}

async function time<T>(work: () => Promise<T>): Promise<[number, T]> {
  const readMs = startWorkClock();
  const answer = await work();
  return [readMs(), answer];
}

const toMiddle = (files: readonly string[]) => files[Math.floor(files.length / 2)] as string;

function touchAll(files: readonly string[]): void {
  const now = new Date();
  for (const file of files) utimesSync(file, now, now);
}

/** Inverts the first byte. The second time restores it. */
function changeInPlace(file: string): void {
  const fd = openSync(file, 'r+');
  const byte = Buffer.alloc(1);
  if (readSync(fd, byte, 0, 1, 0) !== 1) throw new Error(`${file} is empty: nothing to change in it`);
  writeSync(fd, invert(byte), 0, 1, 0);
  closeSync(fd);
}

/** The same, as package managers and editors write: a file beside it, renamed over it. */
function changeByRename(file: string): void {
  const bytes = readFileSync(file);
  invert(bytes);
  writeFileSync(`${file}.new`, bytes);
  renameSync(`${file}.new`, file);
}

function invert(bytes: Buffer): Buffer {
  bytes[0] = (bytes[0] ?? 0) ^ 0xff;
  return bytes;
}
