/**
 * `distprint watch`: a heartbeat to look at.
 * @module
 */

import { setTimeout as sleep } from 'node:timers/promises';
import pc from 'picocolors';
import { type BuiltManifest, buildManifest } from './build.ts';
import { plural, roundMs, toDiffSummary, toMs, toShownPath, toSize } from './cli-output.ts';
import { diffManifests } from './diff.ts';
import { isDistprintError } from './errors.ts';
import type { CoverageOptions } from './subject.ts';

export interface WatchOptions {
  coverage: CoverageOptions;
  interval: number;
  beats?: number;
  json?: boolean;
}

export async function watch(path: string, options: WatchOptions): Promise<void> {
  const print = (line: string) => process.stdout.write(`${line}\n`);
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  let started = performance.now();
  const baseline = await buildManifest(path, options.coverage);
  const elapsedMs = performance.now() - started;
  const what = [baseline.name ?? toShownPath(path), baseline.version].filter(Boolean).join(' ');
  print(
    `${what}  ${plural(baseline.entries.length, 'file')}  ${toSize(baseline.bytes)}  ${baseline.fingerprint}  ${toMs(elapsedMs)}`,
  );
  for (let beat = 1; beat <= (options.beats ?? Infinity); beat++) {
    await sleep(options.interval, undefined, { signal: stop.signal }).catch(() => {});
    if (stop.signal.aborted) break;
    started = performance.now();
    let built: BuiltManifest | undefined;
    try {
      built = await buildManifest(path, { ...options.coverage, kind: baseline.kind });
    } catch (error) {
      if (!isDistprintError(error)) throw error;
    }
    const verdict =
      built === undefined ? 'missing' : built.fingerprint === baseline.fingerprint ? 'current' : 'changed';
    const changes = built && verdict === 'changed' ? diffManifests(baseline, built) : undefined;
    if (options.json) {
      print(
        JSON.stringify({
          beat,
          verdict,
          fingerprint: built?.fingerprint ?? null,
          elapsedMs: roundMs(performance.now() - started),
          filesRead: built?.entries.length ?? 0,
          ...(changes && { changes }),
        }),
      );
    } else
      print(
        `beat ${beat}  ${pc.bold(verdict)}  ${toMs(performance.now() - started)}${changes ? `  ${toDiffSummary(changes)}` : ''}`,
      );
  }
}
