/**
 * What the drop-in costs a fresh process: each command that is started calls `getInstalledCliMtimeMs()` once.
 *
 * Whole processes are timed, from spawn to exit: one that does nothing (the bare start of the runtime), one that imports `drop-in.js`,
 * which starts the wasm, and for each corpus one that calls its probe once, with and without a `cacheFile`.
 * The figure is the difference to the bare start of the same round. A corpus is covered as the drop-in covers it by default.
 */

import { join } from 'node:path';
import { type Contender, interleave, medianMs, type Round } from '../../src/cli/bench/measure.ts';
import type { Bench } from '../context.ts';
import { atMost, shown } from '../results/claims.ts';
import { toRow, toSkippedRow, toSpread } from '../results/table.ts';
import type { Corpus } from '../subjects/corpora.ts';
import { findRuntimes, type Runtime } from '../subjects/runtimes.ts';
import { waitUntilNotRacy } from '../subjects/trees.ts';
import { launch } from '../timing/launcher.ts';

const TABLE = 'drop-in, first call in a fresh process, beyond the bare start';
const BARE = 'bare start';
const IMPORT = 'import and wasm start';

export async function benchDropIn(bench: Bench): Promise<void> {
  await waitUntilNotRacy();
  const { runtimes, skipped } = findRuntimes(bench.scratch);
  for (const runtime of runtimes) await benchRuntime(bench, runtime);
  for (const reason of skipped)
    bench.report(toSkippedRow({ table: TABLE, corpus: '', what: 'other runtimes' }, reason));
}

async function benchRuntime(bench: Bench, runtime: Runtime): Promise<void> {
  const contenders = Object.entries(toPrograms(bench)).map(([name, source], i): Contender => {
    const command = runtime.prepare(`drop-in-${i}`, source);
    return { name, run: { elsewhere: () => launch({ command, env: { NODE_OPTIONS: '' } }) } };
  });
  const rounds = await interleave(contenders, 11);
  const bareMs = medianMs(rounds, BARE);
  for (const { name } of contenders) {
    if (name === BARE) continue;
    const beyond = toDifferences(rounds, name);
    const isJudged = name === IMPORT && runtime.isNode;
    const note = `bare start ${bareMs.toFixed(1)} ms, ${toSpread(beyond)}`;
    const head = { table: TABLE, corpus: runtime.name, what: name };
    bench.report(toRow(head, beyond, 'ms', isJudged ? atMost(25) : shown, note));
  }
}

function toDifferences(rounds: readonly Round[], name: string): number[] {
  return rounds.map((round) => (round.get(name) ?? Number.NaN) - (round.get(BARE) ?? Number.NaN));
}

function toPrograms(bench: Bench): Record<string, string> {
  const module = JSON.stringify(join(bench.dist, 'drop-in.js')); // a path: Bun's compiler takes no URL
  const programs: Record<string, string> = { [BARE]: '', [IMPORT]: `import ${module};` };
  for (const corpus of bench.corpora) {
    const cacheFile = join(bench.scratch, `drop-in-${corpus.name}.cache`);
    programs[`${corpus.name}, call`] = toCall(module, toSubject(corpus));
    programs[`${corpus.name}, call with cacheFile`] = toCall(module, { ...toSubject(corpus), cacheFile });
  }
  return programs;
}

const toSubject = (corpus: Corpus) =>
  corpus.path === corpus.root ? { packageDir: corpus.path } : { executable: corpus.path };

function toCall(module: string, options: object): string {
  return `
    import { createInstalledCliProbe } from ${module};
    if (createInstalledCliProbe(${JSON.stringify(options)})() === undefined) throw new Error('no token');`;
}
