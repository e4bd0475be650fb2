/**
 * A cold build: from a path to the fingerprint, every file read. The library, in a warm process, against
 * - the work floor (floor.ts), given the files that the manifest lists;
 * - `folder-hash`, the usual npm package for this job, in a warm process of its own;
 * - the native tools `xxhsum` and `b3sum` as processes: as a pipeline that finds, sorts and hashes (judged), and given
 *   the list of files. The library is given no list, so the latter is shown and not judged. A single file needs no list: judged.
 *   There the tool does the floor's work and no more, in native code, so where the floor is slower than that, 1.3 times it is granted.
 *
 * Before anything is timed, the floor's digests are checked against the manifest's, and each peer's count of files.
 */

import { type Contender, toMeasure } from '../../src/cli/bench/measure.ts';
import type { Bench } from '../context.ts';
import { readAndHash } from '../peers/floor.ts';
import { toFolderHash } from '../peers/folder-hash.ts';
import { BARE_PROCESS, GIVEN_LIST, toNativePeers } from '../peers/native-tools.ts';
import { atMost, below, type Claim, judgeAll, shown, type Target } from '../results/claims.ts';
import { toRatioRow, toSkippedRow } from '../results/table.ts';
import { type Corpus, toFiles } from '../subjects/corpora.ts';

const TABLE = 'cold build (all files read)';
/** What the library may take of the floor. */
const FLOOR_TIMES = 1.3;

export async function benchCold(bench: Bench): Promise<void> {
  for (const corpus of bench.corpora) await benchCorpus(bench, corpus);
}

async function benchCorpus({ lib, scratch, quick, report }: Bench, corpus: Corpus): Promise<void> {
  const { entries } = lib.buildManifestSync(corpus.path, corpus.options);
  const files = toFiles(corpus, entries);
  const expected = entries.reduce((digests, { content }) => digests ^ BigInt(`0x${content}`), 0n);
  if (readAndHash(files) !== expected) throw new Error(`${corpus.name}: the floor's digests are not the manifest's`);

  const floor: Contender = { name: 'floor', run: () => readAndHash(files) };
  const async: Contender = { name: 'buildManifest', run: () => lib.buildManifest(corpus.path, corpus.options) };
  const sync: Contender = { name: 'buildManifestSync', run: () => lib.buildManifestSync(corpus.path, corpus.options) };
  const folder = await toFolderHash(corpus, entries.length);
  const native = toNativePeers(scratch, corpus, files);
  const tools = native.contenders.filter(({ name }) => !quick || isJudged(name));
  const claim = (ours: Contender, versus: Contender, target: Target): Claim => ({
    head: { table: TABLE, corpus: corpus.name, what: `${ours.name} / ${versus.name}` },
    ours: ours.name,
    versus: versus.name,
    target,
  });
  const ours = [claim(async, floor, atMost(FLOOR_TIMES)), ...(quick ? [] : [claim(sync, floor, shown)])];
  const toolClaims = tools.map((tool) => ({
    ...claim(async, tool, isJudged(tool.name) ? below(1) : shown),
    ...(files.length === 1 && { floor: { name: floor.name, times: FLOOR_TIMES } }),
  }));
  // Each kind of peer by itself: the caches that other processes leave cost the library more than the floor.
  const findings = [
    ...(await judgeAll(toMeasure([floor, async, sync]), ours, quick ? 15 : 61)),
    ...(await judgeAll(toMeasure([async, folder]), [claim(async, folder, below(1))], quick ? 1 : 11)),
    ...(await judgeAll(toMeasure([floor, async, ...tools]), toolClaims, quick ? 5 : 21)),
  ];
  for (const finding of findings) report(toRatioRow(finding));
  for (const { name, reason } of native.skipped) {
    report(toSkippedRow({ table: TABLE, corpus: corpus.name, what: `buildManifest / ${name}` }, reason));
  }
}

const isJudged = (tool: string) => tool !== BARE_PROCESS && !tool.endsWith(GIVEN_LIST);
