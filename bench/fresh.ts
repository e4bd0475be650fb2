/**
 * The first answer of a fresh process with a valid `cacheFile`, against a warm beat of this one. Imports are excluded; creating the
 * detector, loading the cache and every stat are not. Each time is taken inside a new Node, right after its imports.
 *
 * Beside it stands the least work, done in the straightest way in a fresh Node, whose compiler has seen nothing yet: to read the cache
 * file, to check its XXH64, and one `lstatSync` for each file and each directory of a ready list. No answer can take less (a cache
 * that isn't checked could be damaged, a file that isn't looked at changed, a directory have another file in it), and where
 * that alone misses the target, the target lies below the floor.
 *
 * Two answers are timed: *which content is installed* (`createDetector(…).baseline.fingerprint`: a program that asks whether
 * the running one is current compares that), and *is it what started*, with the baseline of what started
 * given (`createDetector({ baseline, … }).checkSync().verdict`).
 *
 * For the executable the former stands there once more, in a Node that compiles every function where it is imported (`--no-lazy`), and
 * not at its first call: the difference is what the compiler takes of a first answer.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runChild, toImport } from './children.ts';
import { atMost, type Claim, judgeAll, shown } from './claims.ts';
import { type Bench, toFiles, withDirectories } from './context.ts';
import type { Corpus } from './corpora.ts';
import { type Contender, interleave, type Round } from './measure.ts';
import { slowed } from './slowdown.ts';
import { toRatioRow, toRow } from './table.ts';
import { copyCorpus, waitUntilNotRacy } from './trees.ts';

const TABLE = 'first answer of a fresh process with a cacheFile';

const FLOOR = 'least work, fresh';
const COMPILED = 'which content, all compiled at import';

interface Answer {
  ms: number;
  filesRead: number;
  notes: string[];
}

export async function benchFresh(bench: Bench): Promise<void> {
  const copies = bench.corpora.map((corpus) => copyCorpus(bench, corpus, 'git'));
  await waitUntilNotRacy();
  for (const copy of copies) await benchCopy(bench, copy);
}

async function benchCopy(bench: Bench, corpus: Corpus): Promise<void> {
  const { lib, quick, report, scratch } = bench;
  const options = { path: corpus.path, ...corpus.options, cacheFile: join(scratch, `${corpus.name}.cache`) };
  const detector = lib.createDetector(options); // leaves the cache behind
  const files = join(scratch, `${corpus.name}.files`);
  writeFileSync(files, JSON.stringify(withDirectories(corpus, toFiles(corpus, detector.baseline.entries))));
  const manifest = join(scratch, `${corpus.name}.manifest`);
  writeFileSync(manifest, lib.serializeManifest(detector.baseline));
  const isTree = detector.baseline.entries.length > 1;
  const sources = toSources(bench, options, manifest, files, isTree);
  const warm: Contender = { name: 'warm', run: slowed(() => detector.checkSync()) };

  const measure = async (count: number): Promise<Round[]> => {
    const rounds: Round[] = [];
    for (let i = 0; i < count; i++) {
      const [beat] = await interleave([warm], 1);
      const answers = Object.entries(sources).map(([name, source]): [string, number] => {
        const { ms, filesRead, notes } = runChild<Answer>(source, name === COMPILED ? ['--no-lazy'] : []);
        if (filesRead === 0 && notes.length === 0) return [name, ms];
        throw new Error(`${corpus.name}: the cache was of no use: ${filesRead} files read. ${notes}`);
      });
      rounds.push(new Map([...(beat ?? []), ...answers]));
    }
    return rounds;
  };
  const claims = Object.keys(sources).map(
    (ours): Claim => ({
      head: { table: TABLE, corpus: corpus.name, what: isTree ? `${ours} / warm beat` : ours },
      ours,
      versus: 'warm',
      target: isTree && ours !== FLOOR ? atMost(1.5) : shown,
      floor: FLOOR,
    }),
  );
  for (const finding of await judgeAll(bench, measure, claims, quick ? 3 : 11)) {
    if (isTree) report(toRatioRow(finding));
    else report(toRow(finding.head, finding.oursMs, 'ms', isJudged(finding.ours) ? atMost(1) : shown, '', !quick));
  }
}

const isJudged = (name: string) => name !== FLOOR && name !== COMPILED;

/** A process each, so that each answer is that process's first. */
function toSources(
  bench: Bench,
  options: { cacheFile: string },
  manifest: string,
  files: string,
  isTree: boolean,
): Record<string, string> {
  const toSource = (work: string) => `
    import { readFileSync } from 'node:fs';
    import { createDetector, parseManifest } from ${toImport(bench, 'index.js')};
    const options = ${JSON.stringify(options)};
    const baseline = parseManifest(readFileSync(${JSON.stringify(manifest)}, 'utf8'));
    let first;
    const started = performance.now();
    const detector = ${work};
    const ms = performance.now() - started;
    const { verdict, filesRead } = first ?? detector.checkSync();
    if (verdict !== 'current') throw new Error('nobody touched it, yet it is ' + verdict);
    console.log(JSON.stringify({ ms, filesRead, notes: detector.notes }));`;
  return {
    [FLOOR]: `
    import { lstatSync, readFileSync } from 'node:fs';
    import xxhash from ${JSON.stringify(import.meta.resolve('xxhash-wasm'))};
    const { h64Raw } = await xxhash();
    const files = JSON.parse(readFileSync(${JSON.stringify(files)}, 'utf8'));
    const started = performance.now();
    const cache = readFileSync(${JSON.stringify(options.cacheFile)});
    const [checksum] = cache.toString('latin1', 0, 64).match(/[0-9a-f]{16}(?=\\n)/);
    if (h64Raw(cache.subarray(cache.indexOf('\\n') + 1)) !== BigInt('0x' + checksum)) throw new Error('the cache is damaged');
    for (const file of files) lstatSync(file);
    console.log(JSON.stringify({ ms: performance.now() - started, filesRead: 0, notes: [] }));`,
    'which content': toSource('createDetector(options)'),
    ...(!isTree && { [COMPILED]: toSource('createDetector(options)') }),
    'is it what started': toSource(`createDetector({ ...options, baseline });
    first = detector.checkSync()`),
  };
}
