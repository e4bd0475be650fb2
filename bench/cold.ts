/**
 * A cold build: from a path to the fingerprint, every file read. The library in a warm process, against
 * - the work floor (floor.ts), on the very files that the manifest lists;
 * - `folder-hash`, the usual npm package for this, in a warm process of its own (folder-hash.ts);
 * - the native `xxhsum` and `b3sum` as processes, each given the ready list of files ("list"), and as one would type it
 *   for the same job ("pipeline": find, sort, hash, hash of the hashes).
 *
 * Beside the peers stands the floor with a listing of its own (`listReadAndHash`), for we are given none. Where that itself misses a
 * target against a peer, nothing that does the work can meet it: `MISSED (below floor)`.
 * Before anything is timed, the floors' digests are checked against the manifest's, and each peer's count of files.
 */

import { atMost, below, type Claim, compare, shown, type Target } from './claims.ts';
import { type Bench, toFiles } from './context.ts';
import type { Corpus } from './corpora.ts';
import { listReadAndHash, readAndHash } from './floor.ts';
import { toFolderHash } from './folder-hash.ts';
import type { Contender } from './measure.ts';
import { BARE_PROCESS, toNativePeers } from './native-peers.ts';
import { toRatioRow, toSkippedRow } from './table.ts';

const TABLE = 'cold build (all files read)';

export async function benchCold(bench: Bench): Promise<void> {
  for (const corpus of bench.corpora) await benchCorpus(bench, corpus);
}

async function benchCorpus(bench: Bench, corpus: Corpus): Promise<void> {
  const { lib, quick, report } = bench;
  const { entries } = lib.buildManifestSync(corpus.path, corpus.options);
  const files = toFiles(corpus, entries);
  const expected = entries.reduce((digests, { content }) => digests ^ BigInt(`0x${content}`), 0n);
  const isTree = corpus.path === corpus.root;
  const listing: Contender = {
    name: 'floor and listing',
    run: isTree ? () => listReadAndHash(corpus.path) : () => readAndHash(files),
  };
  if (readAndHash(files) !== expected || (isTree && listReadAndHash(corpus.path) !== expected))
    throw new Error(`${corpus.name}: the floor's digests are not the manifest's`);

  const native = toNativePeers(bench, corpus, files);
  const floor: Contender = { name: 'floor', run: () => readAndHash(files) };
  const async: Contender = { name: 'buildManifest', run: () => lib.buildManifest(corpus.path, corpus.options) };
  const sync: Contender = { name: 'buildManifestSync', run: () => lib.buildManifestSync(corpus.path, corpus.options) };
  const folder = await toFolderHash(corpus, entries.length);
  const toHead = (ours: string, versus: string) => ({ table: TABLE, corpus: corpus.name, what: `${ours} / ${versus}` });
  const versus = (name: string, target: Target): Claim => ({
    head: toHead('buildManifest', name),
    ours: 'buildManifest',
    versus: name,
    target,
    floor: listing.name,
  });
  const versusFloor = (ours: string, target: Target): Claim => ({
    head: toHead(ours, 'floor'),
    ours,
    versus: 'floor',
    target,
  });
  // Each kind of peer by itself: the caches that other processes leave weigh more on us than on the floor.
  const findings = [
    ...(await compare(
      bench,
      quick ? [floor, async] : [floor, async, sync],
      [versusFloor('buildManifest', atMost(1.3)), ...(quick ? [] : [versusFloor('buildManifestSync', shown)])],
      quick ? 11 : 61,
    )),
    ...(await compare(
      bench,
      [listing, async, folder],
      [versus('folder-hash', { ...atMost(1 / 8), text: '<= 1/8' })],
      quick ? (corpus.name === 'next' ? 1 : 5) : 11,
    )),
    ...(await compare(
      bench,
      [listing, async, ...native.contenders],
      native.contenders.map(({ name }) => versus(name, name === BARE_PROCESS ? shown : below(1))),
      quick ? 5 : 21,
    )),
  ];
  for (const finding of findings) report(toRatioRow(finding));
  for (const { name, reason } of native.skipped) {
    report(toSkippedRow(toHead('buildManifest', name), reason));
  }
}
