/**
 * Looks at what is watched, and writes down what was seen.
 * @module
 */

import type { Look } from './watched.ts';
import { isRunning, type Wrapper } from './wrapper.ts';

/** In milliseconds. A build that has not settled after so long is told of, once. */
export const NEVER_SETTLES_MS = 30_000;

export async function lookNow(wrapper: Wrapper): Promise<Look> {
  const { state } = wrapper;
  const lookedMs = performance.now();
  const look = await wrapper.watched.look();
  const nowMs = performance.now();
  if (look.state !== state.look?.state)
    wrapper.say.detail(`${look.state}${look.reason === null ? '' : `: ${look.reason}`}`);
  Object.assign(state, { look, lookedMs });
  for (const run of [state.current, state.candidate]) {
    if (run !== null && !run.isLoaded && look.content?.key !== run.content?.key) run.sawOther = true;
  }
  if (look.content?.key === state.current?.content?.key) state.otherSinceMs = null;
  else state.otherSinceMs ??= nowMs;
  tellUnsettled(wrapper, look, nowMs);
  wrapper.poke();
  return look;
}

function tellUnsettled({ state, say }: Wrapper, look: Look, nowMs: number): void {
  if (look.state === 'settled') state.isToldUnsettled = false;
  if (state.otherSinceMs === null || nowMs - state.otherSinceMs < NEVER_SETTLES_MS) return;
  if (look.state === 'settled' || state.isToldUnsettled) return;
  state.isToldUnsettled = true;
  const runsOn = isRunning(state) ? '; what runs runs on' : '';
  const reason = `what is watched has not settled for ${NEVER_SETTLES_MS / 1000} s (${look.reason})${runsOn}`;
  say.tell({ event: 'note', reason });
}

/**
 * Looks at once after a start, and until all has settled: what was written between the last look before the start and now is other content.
 * Beside the heartbeat, whose next beat may be far.
 */
export function lookUntilSettled(wrapper: Wrapper): void {
  const again = async () => {
    const { retryInMs } = await lookNow(wrapper);
    if (retryInMs !== null) setTimeout(again, retryInMs).unref();
  };
  setTimeout(again, 0).unref();
}

/** As the heartbeat knows a look: it asks only when to look again. */
export async function lookForBeat(wrapper: Wrapper) {
  const { state, content, reason, retryInMs, filesRead, directoriesRead } = await lookNow(wrapper);
  return {
    verdict: state === 'settled' ? ('current' as const) : ('settling' as const),
    fingerprint: content?.key ?? null,
    ...(reason !== null && { reason }),
    ...(retryInMs !== null && { retryInMs }),
    filesRead,
    directoriesRead,
  };
}
