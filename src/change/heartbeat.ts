/**
 * Looks at regular intervals, and sooner where something moves. It does not keep the process alive.
 * @module
 */

import { DistprintError } from '../errors.ts';
import type { Check, Detector } from './detector.ts';
import { createBeatTeller } from './heartbeat-metrics.ts';
import { repeat } from './repeat.ts';
import { warn } from './warn.ts';

/** How often to look, and whom to tell. */
export interface HeartbeatOptions {
  detector: Pick<Detector, 'check'> & Partial<Pick<Detector, 'whereToListen' | 'baseline'>>;
  /** Milliseconds from the end of one beat to the next. Default 10,000. A settling tree is looked at sooner: when it may have settled. */
  intervalMs?: number;
  /**
   * Also listen to the file system (`fs.watch`), and look as soon as something moves. An event is a reason to look, never a proof: the
   * beats go on, and see what no event told. Default false.
   */
  wake?: boolean;
  /** Told once, for people, that events get lost here: no watches left, say. Default: a process warning. */
  onNote?: (note: string) => unknown;
  /**
   * A file in the folder of node_exporter's textfile collector, `….prom`, written after each beat. What differs from machine to machine is
   * asked there (docs/fleet.md). Trouble with it is a process warning. Default: none.
   */
  metricsFile?: string;
  /** Called after each beat. */
  onBeat?: (check: Check) => unknown;
  /** Called once for each new content that is `changed`. */
  onChanged?: (check: Check) => unknown;
  /** Ends it. */
  signal?: AbortSignal;
}

export const DEFAULT_INTERVAL_MS = 10_000;

/**
 * Looks once a beat, and tells. If a callback throws, or its promise rejects, that becomes a process warning, and the beats go on.
 *
 * @throws ERR_DISTPRINT_OPTION where a timer can't wait for `intervalMs`, with `wake` where the detector can't say where to listen, and
 *   with `metricsFile` where it can't say what started
 */
export function startHeartbeat(options: HeartbeatOptions): void {
  const { detector, intervalMs = DEFAULT_INTERVAL_MS, wake, onNote, metricsFile, onBeat, onChanged, signal } = options;
  let told: string | null = null;
  const tell =
    metricsFile === undefined ? undefined : createBeatTeller(metricsFile, detector.baseline, intervalMs, signal);

  async function beat(): Promise<Check | undefined> {
    const begunMs = performance.now();
    const check = await detector.check();
    if (signal?.aborted) return undefined;
    tell?.(check, performance.now() - begunMs);
    call(onBeat, check);
    if (check.verdict === 'changed' && check.fingerprint !== told) call(onChanged, check);
    if (check.verdict === 'changed' || check.verdict === 'current') told = check.fingerprint;
    return check;
  }

  const where = detector.whereToListen?.bind(detector);
  if (wake && where === undefined) {
    throw new DistprintError('ERR_DISTPRINT_OPTION', 'wake: the detector has no whereToListen()');
  }
  const waking = wake && where ? { where, say: (note: string) => call(onNote ?? warn, note) } : undefined;
  repeat(beat, intervalMs, signal, waking);
}

function call<T>(callback: ((told: T) => unknown) | undefined, told: T): void {
  try {
    Promise.resolve(callback?.(told)).catch(warn);
  } catch (error) {
    warn(error);
  }
}
