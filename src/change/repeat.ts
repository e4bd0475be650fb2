/**
 * The one timer of a heartbeat, and what moves it.
 * @module
 */

import { DistprintError } from '../errors.ts';
import { startListening, type Waking } from './listen.ts';
import { createPace, type Seen } from './pace.ts';
import { warn } from './warn.ts';

/** In milliseconds. A Node timer with a longer delay fires at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Sets one timer, anew after each beat: so beats never overlap, and a machine that was suspended makes up for none of those it missed.
 * The timer does not keep the process alive. What a beat throws becomes a process warning.
 *
 * @param beat returns what it saw; with `retryInMs` it is called again sooner than the interval
 * @param waking if given, an event moves the next beat, as soon as the pace allows (pace.ts)
 * @throws ERR_DISTPRINT_OPTION where a timer can't wait for `intervalMs`
 */
export function repeat(
  beat: () => Promise<Seen | undefined>,
  intervalMs: number,
  signal?: AbortSignal,
  waking?: Waking,
): void {
  if (!(intervalMs >= 1 && intervalMs <= MAX_TIMER_MS)) {
    throw new DistprintError(
      'ERR_DISTPRINT_OPTION',
      `intervalMs: ${intervalMs} is no time from 1 to ${MAX_TIMER_MS} ms`,
    );
  }
  const pace = createPace();
  let timer: NodeJS.Timeout | undefined;
  let dueMs = Infinity;
  let isBeating = false;
  let isWoken = false;
  const follow = waking && startListening(waking, wake, signal);

  function wake(): void {
    pace.hear();
    if (isWoken) return; // the next beat has been moved
    isWoken = true;
    if (!isBeating) hasten();
  }

  function hasten(): void {
    const atMs = pace.soonestMs();
    if (atMs < dueMs) schedule(atMs);
  }

  function schedule(atMs: number): void {
    if (signal?.aborted) return;
    clearTimeout(timer);
    dueMs = atMs;
    timer = setTimeout(turn, Math.max(1, Math.ceil(atMs - performance.now())));
    timer.unref();
  }

  async function turn(): Promise<void> {
    const begunMs = performance.now();
    pace.begin(isWoken);
    isBeating = true;
    isWoken = false;
    let seen: Seen | undefined;
    try {
      seen = await beat();
    } catch (error) {
      warn(error);
    }
    isBeating = false;
    pace.end(seen);
    schedule(performance.now() + Math.min(intervalMs, seen?.retryInMs ?? intervalMs));
    if (isWoken) hasten();
    follow?.(seen, begunMs);
  }

  signal?.addEventListener('abort', () => clearTimeout(timer), { once: true });
  schedule(performance.now() + intervalMs);
  follow?.(undefined, 0);
}
