/**
 * Decides whether to hand off now: back-off, circuit breaker, turn and idle gate. Pure.
 * @module
 */

import { hashText } from '../../disk/hash.ts';

/** The target that failed last. No failure rewrites what started. */
export interface Tried {
  readonly fingerprint: string;
  readonly version: string | null;
  readonly reason: string;
  /** How often this target failed in a row. */
  readonly failures: number;
  /** Date.now() of the last one. */
  readonly atMs: number;
  /** Date.now() before which it is not tried again. */
  readonly retryAtMs: number;
}

/** When a target may be moved to, so that the machines of a fleet don't all move in the same second. */
export interface Turn {
  /** Its fingerprint. */
  readonly target: string;
  /** Date.now() when it was first due. */
  readonly sinceMs: number;
  /** Milliseconds from then on. */
  readonly waitMs: number;
}

/** Kept in the state file, so it outlives the process. Times are Date.now(). */
export interface History {
  /** When the lock passed on, oldest first. */
  readonly handOffs: readonly number[];
  readonly tried: Tried | null;
  /** Since when the host postpones. */
  readonly postponedSinceMs: number | null;
  /** Of the target that was due last. Null where it need not wait for one. */
  readonly turn: Turn | null;
}

export const EMPTY_HISTORY: History = { handOffs: [], tried: null, postponedSinceMs: null, turn: null };

/** All times in milliseconds. */
export interface Limits {
  /** The breaker opens after `max` hand-offs in `windowMs`. Default 3 in 15 minutes. */
  readonly breaker: { readonly max: number; readonly windowMs: number };
  /** After the nth failure of a target it waits `baseMs` * 2^(n-1), at most `maxMs`, less a random part of up to a half. Default 10 s and 1 h. */
  readonly backOff: { readonly baseMs: number; readonly maxMs: number };
  /** For how long `canHandOff` may postpone. Default 1 h. */
  readonly maxPostponeMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  breaker: { max: 3, windowMs: 15 * 60_000 },
  backOff: { baseMs: 10_000, maxMs: 60 * 60_000 },
  maxPostponeMs: 60 * 60_000,
};

export type Gate = 'back-off' | 'breaker' | 'turn' | 'idle';

/** `gate` is the closed one, until `untilMs` (Date.now()). */
export type Judgement =
  | { readonly go: true }
  | {
      readonly go: false;
      readonly gate: Gate;
      readonly reason: string;
      readonly untilMs: number;
    };

export function judgeHandoff(
  target: string,
  history: History,
  limits: Limits,
  nowMs: number,
  canHandOff: boolean,
): Judgement {
  const { tried, handOffs, postponedSinceMs, turn } = history;
  if (tried !== null && tried.fingerprint === target && nowMs < tried.retryAtMs) {
    return closed('back-off', `it failed (${tried.reason}) and is not tried again until`, tried.retryAtMs);
  }
  const { max, windowMs } = limits.breaker;
  const recent = handOffs.filter((atMs) => atMs > nowMs - windowMs);
  if (recent.length >= max) {
    const untilMs = max > 0 ? (recent.at(-max) as number) + windowMs : Infinity;
    return closed(
      'breaker',
      `${recent.length} hand-offs in ${Math.round(windowMs / 60_000)} min; no other until`,
      untilMs,
    );
  }
  const turnMs = turn?.target === target ? turn.sinceMs + turn.waitMs : nowMs;
  if (nowMs < turnMs) return closed('turn', 'it waits its turn until', turnMs);
  const endsMs = (postponedSinceMs ?? nowMs) + limits.maxPostponeMs;
  if (!canHandOff && nowMs < endsMs) return closed('idle', 'the host is busy; postponed at most until', endsMs);
  return { go: true };
}

/** What tells the turns of a fleet's runners from each other. */
export interface Spread {
  /** Names the machine and the runner on it: the same one waits as long for the same target, also after a restart. */
  readonly who: string;
  /** Milliseconds within which all turns are. With 0 nobody waits. */
  readonly spreadMs: number;
}

/** What becomes of a target in this beat, and the history from now on. */
export function weighHandoff(
  target: string,
  history: History,
  limits: Limits,
  spread: Spread,
  nowMs: number,
  canHandOff: boolean,
): { readonly judged: Judgement; readonly history: History } {
  const known = takeTurn(target, withoutFuture(history, limits, nowMs), spread, nowMs);
  const judged = judgeHandoff(target, known, limits, nowMs, canHandOff);
  const isPostponed = !judged.go && judged.gate === 'idle';
  const sinceMs = known.postponedSinceMs ?? (isPostponed ? nowMs : null);
  return { judged, history: { ...known, postponedSinceMs: canHandOff ? null : sinceMs } };
}

/** The turn is taken when the target is due for the first time. */
function takeTurn(target: string, history: History, { who, spreadMs }: Spread, nowMs: number): History {
  if (history.turn?.target === target) return history;
  const waitMs = Number(BigInt(`0x${hashText(`${who}\n${target}`)}`) % BigInt(Math.max(1, Math.round(spreadMs))));
  return { ...history, turn: waitMs === 0 ? null : { target, sinceMs: nowMs, waitMs } };
}

function closed(gate: Gate, why: string, untilMs: number): Judgement {
  const until = new Date(untilMs);
  const when = Number.isNaN(until.getTime()) ? 'further notice' : until.toISOString(); // Infinity is no date
  return { go: false, gate, reason: `${why} ${when}`, untilMs };
}

/** @param random from 0 to 1 */
export function recordFailure(
  history: History,
  target: { fingerprint: string; version: string | null },
  reason: string,
  { backOff }: Limits,
  nowMs: number,
  random: number,
): History {
  const { tried } = history;
  const failures = (tried?.fingerprint === target.fingerprint ? tried.failures : 0) + 1;
  const longestMs = Math.min(backOff.maxMs, backOff.baseMs * 2 ** (failures - 1));
  const retryAtMs = nowMs + Math.round(longestMs * (0.5 + random / 2));
  const { fingerprint, version } = target;
  return {
    ...history,
    tried: { fingerprint, version, reason, failures, atMs: nowMs, retryAtMs },
    postponedSinceMs: null,
  };
}

export function recordHandOff(history: History, { breaker }: Limits, nowMs: number): History {
  const handOffs = [...history.handOffs.filter((atMs) => atMs > nowMs - breaker.windowMs), nowMs];
  return { ...history, handOffs, postponedSinceMs: null };
}

/** If the clock was set back, times in the future count as now: so every gate opens again in its time. */
export function withoutFuture(history: History, { backOff }: Limits, nowMs: number): History {
  const { tried, postponedSinceMs, turn } = history;
  return {
    handOffs: history.handOffs.map((atMs) => Math.min(atMs, nowMs)),
    tried: tried && { ...tried, retryAtMs: Math.min(tried.retryAtMs, nowMs + backOff.maxMs) },
    postponedSinceMs: postponedSinceMs && Math.min(postponedSinceMs, nowMs),
    turn: turn && { ...turn, sinceMs: Math.min(turn.sinceMs, nowMs) },
  };
}
