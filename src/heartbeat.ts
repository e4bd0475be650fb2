/**
 * Looks at regular intervals, for as long as the process has something else to live for.
 * @module
 */

import type { Check, Detector } from './detector.ts';
import { DistprintError } from './errors.ts';

export interface HeartbeatOptions {
  detector: Pick<Detector, 'check'>;
  /** Milliseconds from the end of one beat to the next. Default 10,000. A settling tree is looked at sooner, once it may have settled. */
  intervalMs?: number;
  /** Called after each beat. */
  onBeat?: (check: Check) => unknown;
  /** Called once for each new content that is `changed`. */
  onChanged?: (check: Check) => unknown;
  /** Ends it. */
  signal?: AbortSignal;
}

const DEFAULT_INTERVAL_MS = 10_000;
/** Beyond this, a Node timer fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * One timer, set anew after each beat: so beats never overlap, and a suspended machine wakes up to one beat, not to all it missed.
 * The timer doesn't keep the process alive. What a callback throws, or the promise it returns rejects with, becomes a
 * process warning, and the beats go on.
 *
 * @throws ERR_DISTPRINT_OPTION where `intervalMs` is no time that a timer can wait
 */
export function startHeartbeat({
  detector,
  intervalMs = DEFAULT_INTERVAL_MS,
  onBeat,
  onChanged,
  signal,
}: HeartbeatOptions): void {
  if (!(intervalMs >= 1 && intervalMs <= MAX_TIMER_MS)) {
    throw new DistprintError(
      'ERR_DISTPRINT_OPTION',
      `intervalMs: ${intervalMs} is no time from 1 to ${MAX_TIMER_MS} ms`,
    );
  }
  let timer: NodeJS.Timeout | undefined;
  let told: string | null = null;

  const schedule = (delayMs: number) => {
    if (signal?.aborted) return;
    timer = setTimeout(beat, delayMs);
    timer.unref();
  };

  async function beat(): Promise<void> {
    let delayMs = intervalMs;
    try {
      const check = await detector.check();
      if (signal?.aborted) return;
      if (check.retryInMs !== undefined) delayMs = Math.min(intervalMs, Math.max(1, Math.ceil(check.retryInMs)));
      call(onBeat, check);
      if (check.verdict === 'changed' && check.fingerprint !== told) call(onChanged, check);
      if (check.verdict === 'changed' || check.verdict === 'current') told = check.fingerprint;
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
