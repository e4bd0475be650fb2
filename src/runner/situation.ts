/**
 * What a runner knows of itself, as plain data, and how its state file says it.
 * @module
 */

import type { CoverageOptions } from '../scan/coverage.ts';
import { EMPTY_HISTORY, type History, type Limits, withoutFuture } from './handoff/gate.ts';
import type { LockHolder } from './role/lock.ts';
import type { OwnState, RunnerState } from './role/state-file.ts';
import type { Decision } from './supervisor/strategy.ts';

/** What started. Never changes. */
export interface Started {
  readonly version: string | null;
  readonly fingerprint: string;
  /** The fingerprint as an integer (`toToken`). */
  readonly token: number;
  /** The arguments, as `redact` shows them. */
  readonly argv: readonly string[];
  /** Whether the operator opted out. */
  readonly handoffDisabled: boolean;
}

/** Who this is, and what it watches. */
export interface Identity {
  readonly started: Started;
  /** Absolute. */
  readonly path: string;
  readonly coverage: CoverageOptions;
  /** ISO 8601. */
  readonly startTime: string;
}

/** What changes from beat to beat. Each change makes a new one. */
export interface Situation extends History {
  /** Milliseconds from beat to beat. Null once it was stopped. */
  readonly intervalMs: number | null;
  readonly ready: boolean;
  /** Of the last beat; null where drift is not checked. */
  readonly verdict: string | null;
  readonly decision: Decision;
  readonly handingOff: OwnState['handingOff'];
  readonly heldBack: OwnState['heldBack'];
}

/** At the claim, with the history that the runner before it left. */
export function toFirstSituation(
  { handoffDisabled }: Started,
  before: OwnState | undefined,
  { intervalMs, limits }: { readonly intervalMs: number; readonly limits: Limits },
  nowMs: number,
): Situation {
  const { handOffs, tried, postponedSinceMs } = before ?? EMPTY_HISTORY;
  return {
    intervalMs,
    ready: false,
    verdict: handoffDisabled ? null : 'current',
    decision: { strategy: 'none', supervisor: 'nobody', reasons: ['not ready yet'], advice: null },
    handingOff: null,
    heldBack: null,
    ...withoutFuture({ handOffs, tried, postponedSinceMs }, limits, nowMs),
  };
}

/** Once it is ready: what failed before has succeeded now. */
export function toReadySituation(situation: Situation, { fingerprint }: Started): Situation {
  const tried = situation.tried?.fingerprint === fingerprint ? null : situation.tried;
  return { ...situation, ready: true, tried };
}

/**
 * @param hostFields what the host adds, at the top level
 * @param before what the file said: fields of others survive
 */
export function toState(
  { started, path, coverage, startTime }: Identity,
  holder: LockHolder,
  situation: Situation,
  hostFields: Readonly<Record<string, unknown>>,
  before: RunnerState | null,
): RunnerState {
  return {
    ...before,
    ...hostFields,
    pid: process.pid,
    startTime,
    lastHeartbeat: new Date().toISOString(),
    distprint: {
      ...before?.distprint,
      format: 2,
      started: holder.process.started,
      generation: holder.generation,
      path,
      coverage,
      ...started,
      argv: [...started.argv],
      ...situation,
    },
  };
}
