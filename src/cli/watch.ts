/**
 * `distprint watch`: a heartbeat for people to see.
 * @module
 */

import { type Check, createDetector, type Detector, type Verdict } from '../change/detector.ts';
import { startHeartbeat } from '../change/heartbeat.ts';
import type { CoverageOptions } from '../scan/subject.ts';
import { colors, plural, print, roundMs, toDiffSummary, toMs, toShown, toSize, VERDICT_COLOURS } from './output.ts';

export interface WatchOptions {
  coverage: CoverageOptions;
  /** Milliseconds. */
  interval: number;
  beats?: number;
  json?: boolean;
}

/**
 * Ends after `beats` beats, or at SIGINT or SIGTERM.
 * @throws what `createDetector` throws, where there is nothing to watch at the start
 */
export async function watch(path: string, options: WatchOptions): Promise<void> {
  const startedMs = performance.now();
  const detector = createDetector({ path, ...options.coverage });
  const elapsedMs = performance.now() - startedMs;
  // Before anything is said: who reads it may end us at once.
  const stop = new AbortController();
  const end = () => stop.abort();
  process.once('SIGINT', end).once('SIGTERM', end);
  print((options.json ? toStartJson : toStartLine)(path, detector.baseline, elapsedMs));

  const seen: Verdict[] = [];
  await new Promise<void>((resolve) => {
    const alive = setInterval(() => {}, 2 ** 31 - 1); // the heartbeat's own timer keeps no process alive
    stop.signal.addEventListener('abort', () => {
      clearInterval(alive);
      resolve();
    });
    let beatStartedMs = 0;
    const timed = {
      check() {
        beatStartedMs = performance.now();
        return detector.check();
      },
    };
    const onBeat = (check: Check) => {
      seen.push(check.verdict);
      const elapsedMs = performance.now() - beatStartedMs;
      print(options.json ? toBeatJson(seen.length, check, elapsedMs) : toBeatLine(seen.length, check, elapsedMs));
      if (seen.length === options.beats) end();
    };
    startHeartbeat({ detector: timed, intervalMs: options.interval, onBeat, signal: stop.signal });
  });
  process.off('SIGINT', end).off('SIGTERM', end);
  const summary = toSummary(seen);
  if (options.json) process.stderr.write(`${summary}\n`);
  else print(summary);
}

function toStartLine(path: string, baseline: Detector['baseline'], elapsedMs: number): string {
  const name = [baseline.name ?? path, baseline.version]
    .filter((part) => part !== null)
    .map(toShown)
    .join(' ');
  const files = `${plural(baseline.entries.length, 'file')}, ${toSize(baseline.bytes ?? 0)}`;
  return `${colors.bold(name)}  ${files}  ${baseline.fingerprint}  read in ${toMs(elapsedMs)}`;
}

/** The start is beat 0. */
function toStartJson(path: string, baseline: Detector['baseline'], elapsedMs: number): string {
  const { kind, name, version, fingerprint, entries, bytes } = baseline;
  const beat = toBeat(0, { verdict: 'current', fingerprint, filesRead: entries.length }, elapsedMs);
  return JSON.stringify({ ...beat, path, kind, name, version, files: entries.length, bytes });
}

function toBeat(beat: number, check: Pick<Check, 'verdict' | 'fingerprint' | 'filesRead'>, elapsedMs: number) {
  const { verdict, fingerprint, filesRead } = check;
  return { beat, verdict, fingerprint, elapsedMs: roundMs(elapsedMs), filesRead };
}

function toBeatJson(beat: number, check: Check, elapsedMs: number): string {
  const { changes, versions, reason } = check;
  return JSON.stringify({
    ...toBeat(beat, check, elapsedMs),
    ...(changes && { changes }),
    ...(versions && { versions }),
    ...(reason && { reason }),
  });
}

function toBeatLine(beat: number, check: Check, elapsedMs: number): string {
  const cost = `${toMs(elapsedMs)}, ${plural(check.filesRead, 'file')} read`;
  const detail = check.reason ?? (check.changes && toDiffSummary(check.changes));
  return `beat ${beat}  ${VERDICT_COLOURS[check.verdict](check.verdict)}  ${cost}${detail ? `  ${detail}` : ''}`;
}

function toSummary(seen: readonly Verdict[]): string {
  const counts = new Map<Verdict, number>();
  for (const verdict of seen) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  const each = [...counts].map(([verdict, count]) => `${count} ${verdict}`).join(', ');
  return `${plural(seen.length, 'beat')}${each && `: ${each}`}; at the end ${seen.at(-1) ?? 'current'}`;
}
