/**
 * Listens where a change would show, and follows the tree: directories come and go. Says once that events get lost.
 * @module
 */

import type { Seen } from './pace.ts';
import type { Places } from './places.ts';
import { warn } from './warn.ts';
import { watchDirectories } from './watch-directories.ts';

/** What wakes a beat. */
export interface Waking {
  /** Where to listen, asked after each beat. Null: nowhere. */
  readonly where: () => Promise<Places | null>;
  /** Told once, for people, that events get lost. */
  readonly say: (note: string) => void;
}

/** Milliseconds in which an event must have come whose change was found by a beat. */
const EVENT_WAIT_MS = 100;
const UNHEARD =
  'a change was found of which no event had told, so events get lost here: what they miss is seen at the next beat';

/**
 * @param wake called for each event that matters
 * @returns what is to be called at the start and after each beat, with what it saw, and when it began
 */
export function startListening(
  { where, say }: Waking,
  wake: () => void,
  signal: AbortSignal | undefined,
): (seen: Seen | undefined, begunMs: number) => void {
  let isSaid = false;
  const sayOnce = (note: string) => {
    if (!isSaid && !signal?.aborted) say(note);
    isSaid = true;
  };
  let heardMs = -Infinity;
  const hear = () => {
    heardMs = performance.now();
    wake();
  };
  const watch = watchDirectories({ wake: hear, say: sayOnce, signal });
  const follow = async () => {
    hearsAll = await watch((await where()) ?? new Map());
  };
  let hearsAll = false;
  let underWay: Promise<void> = Promise.resolve();
  let fingerprint: string | null = null;
  let lastBegunMs = 0;
  /** The change was told after the beat before had begun, or that is on its way. Events come between a timer and an immediate. */
  const expectEvent = (isHeard: () => boolean) => {
    const judge = () => setImmediate(() => isHeard() || sayOnce(UNHEARD));
    setTimeout(judge, EVENT_WAIT_MS).unref();
  };

  return (seen, begunMs) => {
    underWay = underWay.then(follow).catch(warn);
    const sinceMs = lastBegunMs;
    lastBegunMs = begunMs;
    if (seen === undefined || seen.fingerprint === null || seen.fingerprint === fingerprint) return;
    if (fingerprint !== null && hearsAll) expectEvent(() => heardMs >= sinceMs);
    fingerprint = seen.fingerprint;
  };
}
