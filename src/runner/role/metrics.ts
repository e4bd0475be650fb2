/**
 * What Prometheus is told of a runner: by the runner itself, and by who asks for its status.
 * @module
 */

import type { Metrics, Release } from '../../change/metrics.ts';
import type { Tally } from '../../change/tally.ts';
import type { RunnerState } from './state-file.ts';

export interface Told {
  readonly source: string;
  readonly name: string | null;
  /** Null where nothing can be concluded. */
  readonly installed: Release | null;
  /** Null: that of the runner's last beat. */
  readonly verdict: string | null;
  /** Null where another process asks. */
  readonly tally: Tally | null;
  /** Null where the runner itself tells: what it wrote last can't say that it has ended. */
  readonly isRunning: boolean | null;
}

/** @param state null where there is none, or none that can be trusted */
export function toRunnerMetrics(state: RunnerState | null, told: Told): Metrics {
  const own = state?.distprint;
  if (state === null || own === undefined) {
    return { ...told, started: null, verdict: null, lastBeatMs: null, intervalMs: null, runner: null };
  }
  const { version, fingerprint, generation, decision, ready, handingOff, heldBack, handOffSeconds } = own;
  const lastBeatMs = new Date(state.lastHeartbeat ?? Number.NaN).getTime();
  return {
    ...told,
    started: { version, fingerprint },
    verdict: told.verdict ?? own.verdict,
    lastBeatMs: Number.isNaN(lastBeatMs) ? null : lastBeatMs,
    intervalMs: own.intervalMs,
    runner: {
      generation,
      strategy: decision.strategy,
      ready,
      isHandingOff: handingOff !== null,
      gate: heldBack?.gate ?? null,
      handOffSeconds: handOffSeconds ?? {},
    },
  };
}
