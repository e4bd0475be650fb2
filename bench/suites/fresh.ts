/**
 * The first answer of a fresh process with a valid `cacheFile`, against the least work in a fresh process. Imports are excluded;
 * creating the detector, loading the cache and every stat are included. Each time is taken in a new Node, right after its imports.
 *
 * The least work is done in the plainest way: read the cache file, check its XXH64, and one `lstatSync` for each file and directory of
 * a ready list. No answer can take less: an unchecked cache could be damaged, a file may have changed, a directory have another file in it.
 * Beside it stands how many warm beats that is: a fresh process runs uncompiled code.
 *
 * Two answers are timed: *which content is installed* (`createDetector(…).baseline.fingerprint`), and *is it what started*
 * (`createDetector({ baseline, … }).checkSync().verdict`, with the baseline given).
 *
 * The former is shown once more in a Node that compiles every function at import (`--no-lazy`) and not at its first call. The
 * difference is the compiler's share.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runChild } from '../../src/cli/bench/child.ts';
import { interleave, type Round, shuffle } from '../../src/cli/bench/measure.ts';
import type { Bench } from '../context.ts';
import { atMost, type Claim, judgeAll, shown } from '../results/claims.ts';
import { toRatioRow } from '../results/table.ts';
import { type Corpus, toFiles, withDirectories } from '../subjects/corpora.ts';
import { copyCorpus, waitUntilNotRacy } from '../subjects/trees.ts';
import { toImport } from '../timing/children.ts';

const TABLE = 'first answer of a fresh process with a cacheFile';

const LEAST = 'least work';
const COMPILED = 'which content, all compiled at import';
const WARM = 'warm beat';

interface Answer {
  ms: number;
  filesRead: number;
  notes: string[];
}

export async function benchFresh(bench: Bench): Promise<void> {
  const copies = bench.corpora.map((corpus) => copyCorpus(bench.lib, corpus, 'git'));
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
  const sources = toSources(bench.dist, options, manifest, files);

  const measure = async (count: number, names: ReadonlySet<string>): Promise<Round[]> => {
    const rounds: Round[] = [];
    for (let i = 0; i < count; i++) {
      const [beat] = await interleave([{ name: WARM, run: () => detector.checkSync() }], 1);
      const asked = Object.entries(sources).filter(([name]) => names.has(name));
      const answers = shuffle(asked).map(([name, source]): [string, number] => {
        const { ms, filesRead, notes } = runChild<Answer>(source, name === COMPILED ? ['--no-lazy'] : []);
        if (filesRead === 0 && notes.length === 0) return [name, ms];
        throw new Error(`${corpus.name}: the cache was not used: ${filesRead} files were read. ${notes}`);
      });
      rounds.push(new Map([...(beat ?? []), ...answers]));
    }
    return rounds;
  };
  const claim = (ours: string, versus: string, target = shown): Claim => ({
    head: { table: TABLE, corpus: corpus.name, what: `${ours} / ${versus}` },
    ours,
    versus,
    target,
  });
  const claims = [
    claim('which content', LEAST, atMost(1.25)),
    claim('is it what started', LEAST, atMost(1.25)),
    ...(quick ? [] : [claim(COMPILED, LEAST)]),
    claim(LEAST, WARM),
  ];
  for (const finding of await judgeAll(measure, claims, quick ? 7 : 21)) report(toRatioRow(finding));
}

/** The clock of measure.ts that leaves out the wait for a core. */
const START = 'const started = performance.now(), cpuBefore = process.cpuUsage();';
const READ = `(() => {
      const ms = performance.now() - started, { user, system } = process.cpuUsage(cpuBefore);
      return Math.min(ms, (user + system) / 1000);
    })()`;

/** A process each, so that each answer is the first of its process. */
function toSources(
  dist: string,
  options: { cacheFile: string },
  manifest: string,
  files: string,
): Record<string, string> {
  const toSource = (work: string) => `
    import { readFileSync } from 'node:fs';
    import { createDetector, parseManifest } from ${toImport(dist, 'index.js')};
    const options = ${JSON.stringify(options)};
    const baseline = parseManifest(readFileSync(${JSON.stringify(manifest)}, 'utf8'));
    let first;
    ${START}
    const detector = ${work};
    const ms = ${READ};
    const { verdict, filesRead } = first ?? detector.checkSync();
    if (verdict !== 'current') throw new Error('nobody touched it, yet the verdict is ' + verdict);
    console.log(JSON.stringify({ ms, filesRead, notes: detector.notes }));`;
  return {
    [LEAST]: `
    import { lstatSync, readFileSync } from 'node:fs';
    import xxhash from ${JSON.stringify(import.meta.resolve('xxhash-wasm'))};
    const { h64Raw } = await xxhash();
    const files = JSON.parse(readFileSync(${JSON.stringify(files)}, 'utf8'));
    ${START}
    const cache = readFileSync(${JSON.stringify(options.cacheFile)});
    const [checksum] = cache.toString('latin1', 0, 64).match(/[0-9a-f]{16}(?=\\n)/);
    if (h64Raw(cache.subarray(cache.indexOf('\\n') + 1)) !== BigInt('0x' + checksum)) throw new Error('the cache is damaged');
    for (const file of files) lstatSync(file);
    console.log(JSON.stringify({ ms: ${READ}, filesRead: 0, notes: [] }));`,
    'which content': toSource('createDetector(options)'),
    [COMPILED]: toSource('createDetector(options)'),
    'is it what started': toSource(`createDetector({ ...options, baseline });
    first = detector.checkSync()`),
  };
}
