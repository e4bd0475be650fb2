/**
 * Looks at regular intervals. It does not keep the process alive.
 * @module
 */

import { DistprintError } from '../errors.ts';
import type { Check, Detector } from './detector.ts';

/** How often to look, and whom to tell. */
export interface HeartbeatOptions {
  detector: Pick<Detector, 'check'>;
  /** Milliseconds from the end of one beat to the next. Default 10,000. A settling tree is looked at sooner: when it may have settled. */
  intervalMs?: number;
  /** Called after each beat. */
  onBeat?: (check: Check) => unknown;
  /** Called once for each new content that is `changed`. */
  onChanged?: (check: Check) => unknown;
  /** Ends it. */
  signal?: AbortSignal;
}

export const DEFAULT_INTERVAL_MS = 10_000;
/** In milliseconds. A Node timer with a longer delay fires at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Looks once a beat, and tells. If a callback throws, or its promise rejects, that becomes a process warning, and the beats go on.
 *
 * @throws ERR_DISTPRINT_OPTION where a timer can't wait for `intervalMs`
 */
export function startHeartbeat({ detector, intervalMs, onBeat, onChanged, signal }: HeartbeatOptions): void {
  let told: string | null = null;

  async function beat(): Promise<number | undefined> {
    const check = await detector.check();
    if (signal?.aborted) return undefined;
    call(onBeat, check);
    if (check.verdict === 'changed' && check.fingerprint !== told) call(onChanged, check);
    if (check.verdict === 'changed' || check.verdict === 'current') told = check.fingerprint;
    return check.retryInMs;
  }

  repeat(beat, intervalMs ?? DEFAULT_INTERVAL_MS, signal);
}

/**
 * Sets one timer, anew after each beat: so beats never overlap, and a machine that was suspended makes up for none of those it missed.
 * The timer does not keep the process alive. What a beat throws becomes a process warning.
 *
 * @param beat returns in how many milliseconds it wants to be called again, where that is sooner than the interval
 * @throws ERR_DISTPRINT_OPTION where a timer can't wait for `intervalMs`
 */
export function repeat(beat: () => Promise<number | undefined>, intervalMs: number, signal?: AbortSignal): void {
  if (!(intervalMs >= 1 && intervalMs <= MAX_TIMER_MS)) {
    throw new DistprintError(
      'ERR_DISTPRINT_OPTION',
      `intervalMs: ${intervalMs} is no time from 1 to ${MAX_TIMER_MS} ms`,
    );
  }
  let timer: NodeJS.Timeout | undefined;

  const schedule = (delayMs: number) => {
    if (signal?.aborted) return;
    timer = setTimeout(turn, delayMs);
    timer.unref();
  };

  async function turn(): Promise<void> {
    let delayMs = intervalMs;
    try {
      const wantedMs = await beat();
      if (wantedMs !== undefined) delayMs = Math.min(intervalMs, Math.max(1, Math.ceil(wantedMs)));
    } catch (error) {
      warn(error);
    }
    schedule(delayMs);
  }

  signal?.addEventListener('abort', () => clearTimeout(timer), { once: true });
  schedule(intervalMs);
}

function call(callback: ((check: Check) => unknown) | undefined, check: Check): void {
  try {
    Promise.resolve(callback?.(check)).catch(warn);
  } catch (error) {
    warn(error);
  }
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}
