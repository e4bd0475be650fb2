/**
 * How long asynchronous work keeps the event loop from anything else, at the longest.
 *
 * `perf_hooks.monitorEventLoopDelay` at its resolution of 1 ms: a timer in libuv that fires each millisecond and records
 * how long the last firing is ago. A stall of 4 ms thus shows as 4 to 5 ms, and an idle loop as 1.1; nothing is subtracted.
 * The histogram is read a few milliseconds after the work ended, so that its last stretch is in it.
 *
 * The longest stall of each run is taken. Its median over the runs is judged; the longest of all stands beside it, with
 * the longest of the same loop when it only waits: on a shared machine that is what the scheduler alone does to a process.
 */

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { atMost } from './claims.ts';
import type { Bench } from './context.ts';
import type { Corpus } from './corpora.ts';
import { median } from './measure.ts';
import { toRow } from './table.ts';
import { copyCorpus, waitUntilNotRacy } from './trees.ts';

const TARGET = atMost(5);
/** Longer than the histogram's timer takes to fire again. */
const AFTERMATH_MS = 5;

export async function benchStall(bench: Bench): Promise<void> {
  const copies = bench.corpora.map((corpus) => copyCorpus(bench, corpus, 'git'));
  await waitUntilNotRacy();
  for (const copy of copies) await benchCopy(bench, copy);
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
    const note = `longest of all ${Math.max(...stalls).toFixed(1)}, idle: ${median(idles).toFixed(1)}, longest ${Math.max(...idles).toFixed(1)}; ${RUNS} runs`;
    const head = { table: 'longest stall of the event loop, median of runs', corpus: name, what };
    report(toRow(head, median(stalls), 'ms', TARGET, note));
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
