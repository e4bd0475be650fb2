/**
 * The longest time for which asynchronous work holds the event loop.
 *
 * `perf_hooks.monitorEventLoopDelay` at its resolution of 1 ms: a timer of libuv fires each millisecond and records how long ago it
 * last fired. So a stall of 4 ms shows as 4 to 5 ms, and an idle loop as 1.1; nothing is subtracted.
 * The histogram is read a few milliseconds after the work has ended, so that it includes the last stretch.
 *
 * Each run gives its longest stall; the quartile rule (claims.ts) judges those. Beside them stand the longest of all runs, and the
 * stalls of an idle loop: on a shared machine the scheduler alone causes these.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { median } from '../../src/cli/bench/measure.ts';
import type { Bench } from '../context.ts';
import { atMost } from '../results/claims.ts';
import { toRow, toSpread } from '../results/table.ts';
import type { Corpus } from '../subjects/corpora.ts';
import { copyCorpus, generateTree, waitUntilNotRacy } from '../subjects/trees.ts';

const TARGET = atMost(5);
/** By then the histogram's timer has fired again. */
const AFTERMATH_MS = 5;

export async function benchStall(bench: Bench): Promise<void> {
  const copies = bench.corpora.map((corpus) => copyCorpus(bench.lib, corpus, 'git'));
  await waitUntilNotRacy();
  for (const copy of copies) await benchCopy(bench, copy);
  if (!bench.quick) await benchMany(bench);
}

const TABLE = 'longest stall of the event loop, median of runs';
const MANY = 200_000;
/** Of 1.4 s that it took once. What is left grows with the tree: one text for the cache file, one comparison of manifests. */
const MANY_TARGET = atMost(50);

/** Ten times as many files as any package has: one changes, all of the manifest is compared, and the cache file is written anew. */
async function benchMany({ lib, report }: Bench): Promise<void> {
  const root = generateTree(MANY);
  await waitUntilNotRacy();
  const folder = mkdtempSync(join(tmpdir(), 'distprint-bench-'));
  const file = join(root, 'part-0/directory-0/module-0.js');
  const before = readFileSync(file);
  try {
    const detector = lib.createDetector({ path: root, cacheFile: join(folder, 'cache'), settleMs: 1 });
    const stalls: number[] = [];
    for (let run = -1; run < 5; run++) {
      writeFileSync(file, `export const answer = ${run};\n`);
      const stall = await measureStall(async () => {
        while ((await detector.check()).verdict === 'settling') await sleep(10);
      });
      if (run >= 0) stalls.push(stall);
    }
    const head = {
      table: TABLE,
      corpus: `${MANY.toLocaleString('en')} files`,
      what: 'after a change, with a cacheFile',
    };
    report(toRow(head, stalls, 'ms', MANY_TARGET, toSpread(stalls)));
  } finally {
    writeFileSync(file, before);
    rmSync(folder, { recursive: true });
  }
}

const RUNS = 21;

async function benchCopy(bench: Bench, { name, path, options }: Corpus): Promise<void> {
  const { lib, report } = bench;
  const detector = lib.createDetector({ path, ...options });
  const works = [
    ['cold, buildManifest()', () => lib.buildManifest(path, options)],
    ['warm, check()', () => detector.check()],
  ] as const;
  for (const [what, work] of works) {
    const stalls: number[] = [];
    const idles: number[] = [];
    let ms = 0;
    for (let run = -2; run < RUNS; run++) {
      const started = performance.now();
      const stall = await measureStall(work);
      ms = performance.now() - started - 2 * AFTERMATH_MS;
      if (run < 0) continue; // warm-up
      stalls.push(stall);
      idles.push(await measureStall(() => sleep(Math.max(1, ms))));
    }
    const note = `longest of all ${Math.max(...stalls).toFixed(1)}, idle: ${median(idles).toFixed(1)}, longest ${Math.max(...idles).toFixed(1)}`;
    const head = { table: TABLE, corpus: name, what };
    report(toRow(head, stalls, 'ms', TARGET, `${toSpread(stalls)}, ${note}`));
  }
}

/** Milliseconds. */
async function measureStall(work: () => Promise<unknown>): Promise<number> {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  await sleep(AFTERMATH_MS);
  histogram.reset();
  await work();
  await sleep(AFTERMATH_MS);
  histogram.disable();
  return histogram.max / 1e6;
}
