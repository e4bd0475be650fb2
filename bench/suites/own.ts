/**
 * What the product's own command says of each corpus (docs/ci.md): what a beat reads, its share of a heartbeat of 10 s, and for how long
 * a beat and a cold build hold the event loop. It is asked as a user's CI asks it.
 */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Report, Spread } from '../../src/cli/bench/report.ts';
import type { Bench } from '../context.ts';
import { atMost, shown } from '../results/claims.ts';
import { CPU, FILES, HEARTBEAT_MS, SHARE_TABLE, toShareRow } from '../results/heartbeat.ts';
import { toNumber, toRow } from '../results/table.ts';
import type { Corpus } from '../subjects/corpora.ts';

const BEAT_TABLE = 'beat on an unchanged tree';
export const STALL_TABLE = 'longest stall of the event loop, median of runs';
const STALL_TARGET = atMost(5);

export function benchOwn(bench: Bench): void {
  for (const corpus of bench.corpora) reportCorpus(bench, corpus.name, ask(bench, corpus));
}

function ask({ dist }: Bench, { name, path, options }: Corpus): Report {
  const globs = (options.include ?? []).flatMap((glob) => ['--include', glob]);
  const limits = ['--budget', `${HEARTBEAT_MS}ms`, '--max-share', '100%', '--max-stall', '1h']; // the bench has its own
  const args = [join(dist, 'cli/main.js'), 'bench', path, ...globs, ...limits, '--json'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(`${name}: distprint bench exited with ${status}: ${stderr}`);
  return JSON.parse(stdout) as Report;
}

function reportCorpus({ report }: Bench, corpus: string, { counters, files, times, stalls }: Report): void {
  const { opens, directoriesListed } = counters.beat;
  const read = { table: BEAT_TABLE, corpus, what: 'files and directories read' };
  report(toRow(read, opens + directoriesListed, '', atMost(0), `${opens} files, ${directoriesListed} directories`));
  report(toRow({ table: SHARE_TABLE, corpus, what: FILES }, files, '', shown));
  report(toShareRow(corpus, CPU, times.beat.median, `median of ${times.beat.samples.length}`));
  const stall = (what: string, { lower, median, upper }: Spread) => {
    const note = `quartiles ${toNumber(lower)}–${toNumber(upper)}`;
    const judged = toRow({ table: STALL_TABLE, corpus, what }, lower, 'ms', STALL_TARGET, note);
    report({ ...judged, value: median });
  };
  stall('cold, buildManifest()', stalls.cold);
  stall('warm, check()', stalls.beat);
}
