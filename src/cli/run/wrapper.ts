/**
 * What the wrapper knows, as plain data, and how its one actor waits for something of that to change.
 *
 * Looks, signals and ended children only write down what they saw, and call `poke`. The actor (run.ts) alone starts and stops processes,
 * one step after the other.
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises';
import type { History, Limits } from '../../runner/handoff/gate.ts';
import type { Child, End, HowToStart, HowToStop } from './child.ts';
import type { Before, Ready } from './ready.ts';
import type { Say } from './say.ts';
import type { Content, Look, Watched } from './watched.ts';

/** A process of the command, and what it was started on. */
export interface Run {
  readonly child: Child;
  /** What the last look before the start saw. Null where that could not be read. */
  readonly content: Content | null;
  /** What was there for `--ready` before the start. */
  readonly before: Before;
  /** Of its script, right before the start (`programNow`). */
  readonly program: string;
  /** Whether other content was there while it loaded, or when it ended. */
  sawOther: boolean;
  /** Whether `--ready` came true; without it, from the start on. */
  isReady: boolean;
  /** Whether it has read its files (loading.ts): what comes and goes later is nothing to it. */
  isLoaded: boolean;
}

export interface State {
  /** What runs, or what ran last: then its `child.end` is not null. Null before the first start. */
  current: Run | null;
  /** What is started beside it. */
  candidate: Run | null;
  /** Whether `current` is being ended, to be started anew. */
  isStopping: boolean;
  /** How many were started. */
  starts: number;
  look: Look | null;
  /** When that began: performance.now(). */
  lookedMs: number;
  /** performance.now() of the first look that saw something else than what runs. */
  otherSinceMs: number | null;
  isToldUnsettled: boolean;
  history: History;
  /** Whether somebody asked for a restart by hand. */
  isAsked: boolean;
  /** After its end, the command is started again then: performance.now(). */
  startAgainAtMs: number | null;
  /** How often it ended early, in a row. */
  quickEnds: number;
  /** Whether the end of `current` was dealt with. */
  isEndTold: boolean;
  /** Date.now() until which the breaker is open, where that was told. */
  heldUntilMs: number;
  /** We were asked to end by this signal. Nothing is started any more. */
  leaving: NodeJS.Signals | null;
  /** The last signal that may have ended the command. */
  lastSignal: { readonly signal: NodeJS.Signals; readonly atMs: number } | null;
}

/** What the operator asked for, checked, and what does it. */
export interface Prepared {
  readonly watched: Watched;
  readonly say: Say;
  readonly how: HowToStart;
  readonly stop: HowToStop;
  readonly limits: Limits;
  readonly ready: Ready | null;
  readonly timeoutMs: number;
  readonly intervalMs: number;
  readonly startsBeside: boolean;
  readonly onExit: 'wait' | 'exit' | 'restart';
  readonly onTerminal: boolean;
  /** How the marks of all children begin. */
  readonly mark: string;
  /** What is missing for a start, for people. */
  lacks(): string | null;
  /** Two that differ tell that the script was written between them. Empty where nobody knows which that is. */
  programNow(): string;
  restoreModes(): void;
  closeSockets(): void;
}

export interface Wrapper extends Prepared {
  readonly state: State;
  /** Something changed: whoever waits looks again. */
  poke(): void;
  nextPoke(): Promise<void>;
  /** Resolves once that is so; false where it is not within that time. */
  until(isMet: () => boolean, ms?: number): Promise<boolean>;
  /** Ends this process as the command ended, or as we were asked to. */
  finish(how: Pick<End, 'code' | 'signal'>): void;
}

export function createState(history: History): State {
  return {
    current: null,
    candidate: null,
    isStopping: false,
    starts: 0,
    look: null,
    lookedMs: -Infinity,
    otherSinceMs: null,
    isToldUnsettled: false,
    history,
    isAsked: false,
    startAgainAtMs: null,
    quickEnds: 0,
    isEndTold: false,
    heldUntilMs: 0,
    leaving: null,
    lastSignal: null,
  };
}

export const isRunning = ({ current }: Pick<State, 'current'>): boolean =>
  current !== null && current.child.end === null;

/** What needs no settling, because it runs. Null where that is not certain. */
export const vouchedFor = ({ current }: State): Content | null =>
  current === null || current.sawOther ? null : current.content;

/** What was started last. */
export const startedOn = ({ current }: State): Content | null => current?.content ?? null;

export function createWaiting(): Pick<Wrapper, 'poke' | 'nextPoke' | 'until'> {
  const waiting = new Set<() => void>();
  const nextPoke = () => new Promise<void>((resolve) => void waiting.add(resolve));
  return {
    poke() {
      for (const wake of waiting) wake();
      waiting.clear();
    },
    nextPoke,
    async until(isMet, ms) {
      const timer = new AbortController();
      const isLate = ms === undefined ? undefined : delay(ms, true, { signal: timer.signal }).catch(() => true);
      let late = false;
      while (!isMet() && !late) late = (await Promise.race([nextPoke(), ...(isLate ? [isLate] : [])])) === true;
      timer.abort();
      return isMet();
    },
  };
}
