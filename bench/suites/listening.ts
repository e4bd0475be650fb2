/**
 * What it costs to be woken by the file system: CPU and memory of an idle minute on the largest corpus, with and without it; the longest
 * stall while it begins to listen; and in a burst of 10,000 written files, how often it looks, and the longest stall.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runChild } from '../../src/cli/bench/child.ts';
import { median } from '../../src/cli/bench/measure.ts';
import type { Bench } from '../context.ts';
import { atMost, shown } from '../results/claims.ts';
import { toRow, toSpread } from '../results/table.ts';
import type { Corpus } from '../subjects/corpora.ts';
import { startChild, toImport } from '../timing/children.ts';

const COST = 'what it costs to be woken';

/** In a child's source: `gc`, and the inotify watches of the process (proc_pid_fdinfo(5)). */
const TOOLS = `
  import { readdirSync, readFileSync } from 'node:fs';
  import { monitorEventLoopDelay } from 'node:perf_hooks';
  import { setTimeout as sleep } from 'node:timers/promises';
  import { setFlagsFromString } from 'node:v8';
  import { runInNewContext } from 'node:vm';
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc');
  function countWatches() {
    let count = 0;
    for (const fd of readdirSync('/proc/self/fdinfo')) {
      try {
        count += readFileSync('/proc/self/fdinfo/' + fd, 'utf8').match(/^inotify wd/gm)?.length ?? 0;
      } catch {
        // it was the directory's own
      }
    }
    return count;
  }`;

interface Idle {
  readonly cpuMs: number;
  readonly rss: number;
  readonly watches: number;
}

export async function benchListening(bench: Bench): Promise<void> {
  await benchIdle(bench);
  benchBurst(bench);
}

/** Two processes at the same time, so that both have the same machine. */
async function benchIdle(bench: Bench): Promise<void> {
  const largest = bench.corpora.find(({ name }) => name === 'next');
  if (largest === undefined) return;
  const seconds = bench.quick ? 20 : 60;
  const source = `
    ${TOOLS}
    import { createDetector, startHeartbeat } from ${toImport(bench.dist, 'index.js')};
    const { path, options } = ${JSON.stringify(largest)};
    async function answer({ wake }) {
      const detector = createDetector({ path, ...options });
      for (let i = 0; i < 5; i++) await detector.check();
      startHeartbeat({ detector, wake });
      await sleep(1_000);
      const before = process.cpuUsage();
      await sleep(${seconds * 1000});
      const { user, system } = process.cpuUsage(before);
      gc();
      setTimeout(() => process.exit(), 100);
      return { cpuMs: (user + system) / 1000, rss: process.memoryUsage.rss() / 2 ** 20, watches: countWatches() };
    }`;
  const measure = (wake: boolean) => startChild<{ wake: boolean }, Idle>(source)({ wake });
  const [woken, polled] = await Promise.all([measure(true), measure(false)]);
  const share = ({ cpuMs }: Idle) => cpuMs / (seconds * 10);
  const head = { table: COST, corpus: 'next' };
  const without = `${share(polled).toFixed(3)} % without, over ${seconds} s`;
  bench.report(toRow({ ...head, what: 'CPU of an idle minute' }, share(woken), '%', shown, without));
  const note = `${polled.rss.toFixed(1)} MiB without; ${woken.watches} directories`;
  bench.report(toRow({ ...head, what: 'memory' }, woken.rss, 'MiB', shown, note));
  benchStart(bench, largest);
}

const RUNS = 7;

/** From the start to the first look's end: it finds out where to listen, opens the watches, and looks. */
function benchStart(bench: Bench, { path, options }: Corpus): void {
  const measure = (wake: boolean) =>
    runChild<number>(`
      ${TOOLS}
      import { createDetector, startHeartbeat } from ${toImport(bench.dist, 'index.js')};
      const detector = createDetector({ path: ${JSON.stringify(path)}, ...${JSON.stringify(options)} });
      for (let i = 0; i < 5; i++) await detector.check();
      gc();
      const histogram = monitorEventLoopDelay({ resolution: 1 });
      histogram.enable();
      await sleep(100);
      histogram.reset();
      setInterval(() => {}, 1_000); // the heartbeat keeps no process alive
      await new Promise((resolve) => {
        if (${wake}) startHeartbeat({ detector, wake: true, onBeat: () => setTimeout(resolve, 20) });
        else detector.check().then(() => setTimeout(resolve, 20));
      });
      histogram.disable();
      console.log(histogram.max / 1e6);
      process.exit();`);
  const stalls = Array.from({ length: RUNS }, () => measure(true));
  const looks = Array.from({ length: RUNS }, () => measure(false));
  const head = { table: COST, corpus: 'next', what: 'longest stall at the start' };
  bench.report(
    toRow(head, stalls, 'ms', atMost(5), `${toSpread(stalls)}; of a look alone ${median(looks).toFixed(1)}`),
  );
}

interface Burst {
  readonly ms: number;
  readonly looks: number;
  readonly stallMs: number;
}

function benchBurst(bench: Bench): void {
  const root = join(bench.scratch, 'burst');
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(join(root, 'package.json'), '{"version": "1.0.0"}');
  const measure = (wake: boolean) =>
    runChild<Burst>(`
      ${TOOLS}
      import { spawn } from 'node:child_process';
      import { once } from 'node:events';
      import { createDetector, startHeartbeat } from ${toImport(bench.dist, 'index.js')};
      const root = ${JSON.stringify(root)};
      const write = "process.stdin.once('data', () => { for (let i = 0; i < 10_000; i++) fs.writeFileSync('dist/' + i % 500 + '.js', String(i)); process.exit(); })";
      const writer = spawn(process.execPath, ['-e', write], { cwd: root, stdio: ['pipe', 'ignore', 'inherit'] });
      let looks = 0;
      startHeartbeat({ detector: createDetector({ path: root }), wake: ${wake}, onBeat: () => looks++ });
      await sleep(1_000);
      const histogram = monitorEventLoopDelay({ resolution: 1 });
      histogram.enable();
      await sleep(100);
      histogram.reset();
      looks = 0;
      const startedMs = performance.now();
      writer.stdin.write('go');
      await once(writer, 'exit');
      const ms = performance.now() - startedMs;
      histogram.disable();
      console.log(JSON.stringify({ ms, looks, stallMs: histogram.max / 1e6 }));
      process.exit();`);
  const bursts = Array.from({ length: RUNS }, () => measure(true));
  const others = Array.from({ length: RUNS }, () => measure(false)).map(({ stallMs }) => stallMs);
  const rates = bursts.map(({ looks, ms }) => looks / (ms / 1000));
  const stalls = bursts.map(({ stallMs }) => stallMs);
  const head = { table: COST, corpus: '10,000 files written at once' };
  const note = `${bursts.map(({ looks }) => looks).join(', ')} looks`;
  bench.report(toRow({ ...head, what: 'looks in a second, most' }, Math.max(...rates), '', atMost(20), note));
  const without = `${toSpread(stalls)}; without it ${median(others).toFixed(1)}`;
  // The writer beside it takes a core: so long does a process stall that listens to nothing.
  const grantedMs = Math.max(5, 1.1 * median(others));
  bench.report(toRow({ ...head, what: 'longest stall' }, stalls, 'ms', atMost(grantedMs), without));
}
