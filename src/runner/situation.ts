/**
 * What a runner knows of itself, as plain data, and how its state file says it.
 * @module
 */

import { createHistogram, observe } from '../change/histogram.ts';
import type { CoverageOptions } from '../scan/coverage.ts';
import { EMPTY_HISTORY, type History, type Limits, withoutFuture } from './handoff/gate.ts';
import type { Step } from './handoff/protocol.ts';
import type { LockHolder } from './role/lock.ts';
import type { Drift, HandOffSeconds, OwnState, RunnerState } from './role/state-file.ts';
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
  readonly drift: Drift | null;
  readonly handOffSeconds: HandOffSeconds;
}

/** At the claim, with the history that the runner before it left. */
export function toFirstSituation(
  { handoffDisabled }: Started,
  before: OwnState | undefined,
  { intervalMs, limits }: { readonly intervalMs: number; readonly limits: Limits },
  nowMs: number,
): Situation {
  const { handOffs, tried, postponedSinceMs, turn = null } = before ?? EMPTY_HISTORY;
  return {
    intervalMs,
    ready: false,
    verdict: handoffDisabled ? null : 'current',
    decision: { strategy: 'none', supervisor: 'nobody', reasons: ['not ready yet'], advice: null },
    handingOff: null,
    heldBack: null,
    drift: null,
    handOffSeconds: before?.handOffSeconds ?? { succeeded: NONE_YET, failed: NONE_YET },
    ...withoutFuture({ handOffs, tried, postponedSinceMs, turn }, limits, nowMs),
  };
}

const NONE_YET = createHistogram([0.3, 1, 3, 10, 30, 100, 300]);

/**
 * When the hand-off began by which this process came to be. Null where it came by none.
 * @param before what the runner before it said last
 */
export function toArrivalMs(
  before: OwnState | undefined,
  isHandedOver: boolean,
  { fingerprint }: Started,
): number | null {
  const last = before?.handingOff ?? null;
  const isOfIt = isHandedOver || last?.step === 'exit'; // after which a supervisor started it, and nobody said why
  return isOfIt && last?.target === fingerprint ? last.sinceMs : null;
}

/** @param sinceMs when it began */
export function countHandOff(
  before: HandOffSeconds,
  outcome: keyof HandOffSeconds,
  sinceMs: number,
  nowMs: number,
): HandOffSeconds {
  const seconds = Math.max(0, nowMs - sinceMs) / 1000; // the clock may have been set back
  return { ...before, [outcome]: observe(before[outcome], seconds) };
}

/** As the new process says it, from its claim until it is proven. */
export function toHandingOff(step: Step, { fingerprint }: Started): OwnState['handingOff'] {
  return { step, target: fingerprint, sinceMs: Date.now() };
}

/** Once it is ready: what failed before has succeeded now. */
export function toReadySituation(situation: Situation, { fingerprint }: Started, arrivalMs: number | null): Situation {
  const tried = situation.tried?.fingerprint === fingerprint ? null : situation.tried;
  const { handOffSeconds: before } = situation;
  const handOffSeconds = arrivalMs === null ? before : countHandOff(before, 'succeeded', arrivalMs, Date.now());
  return { ...situation, ready: true, tried, handOffSeconds };
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
      command: undefined, // it runs the code itself, where `distprint run` was there before
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
