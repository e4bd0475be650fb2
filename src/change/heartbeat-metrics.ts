/**
 * Tells Prometheus, after each beat of a heartbeat, what it found.
 * @module
 */

import { DistprintError } from '../errors.ts';
import type { Check, Detector } from './detector.ts';
import { toInstalled } from './metrics.ts';
import { createMetricsFile } from './metrics-file.ts';
import { EMPTY_TALLY, tallyBeat } from './tally.ts';
import { warn } from './warn.ts';

/**
 * The write isn't waited for: a beat is not late because a disk is.
 * @throws ERR_DISTPRINT_OPTION where it isn't known what started
 */
export function createBeatTeller(
  path: string,
  started: Detector['baseline'] | undefined,
  intervalMs: number,
  signal: AbortSignal | undefined,
): (check: Check, elapsedMs: number) => void {
  if (started === undefined) {
    throw new DistprintError('ERR_DISTPRINT_OPTION', 'metricsFile: the detector has no baseline to name what started');
  }
  const { name = null, version, fingerprint } = started;
  const file = createMetricsFile(path, createWarnOnce());
  let tally = EMPTY_TALLY;
  let lastBeatMs: number | null = null;

  const write = (untilNextMs: number | null) =>
    void file.write({
      source: file.source,
      name,
      started: { version, fingerprint },
      installed: toInstalled(tally.last, { version, fingerprint }),
      verdict: tally.last?.verdict ?? null,
      lastBeatMs,
      intervalMs: untilNextMs,
      tally,
      isRunning: null,
      runner: null,
    });

  signal?.addEventListener('abort', () => write(null), { once: true });
  return (check, elapsedMs) => {
    tally = tallyBeat(tally, check, elapsedMs);
    lastBeatMs = Date.now();
    write(intervalMs);
  };
}

/** The same trouble is told once, however long it lasts. */
function createWarnOnce(): (trouble: string) => void {
  let last: string | undefined;
  return (trouble) => {
    if (trouble !== last) warn(trouble);
    last = trouble;
  };
}
