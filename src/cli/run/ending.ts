/**
 * What becomes of us when the command ends by itself, and of the command when we are to end.
 * @module
 */

import { ASK_TO_END } from '../../platform/ask-to-end.ts';
import { platform } from '../../platform/index.ts';
import { askToEnd, type End, endRest, signalChild } from './child.ts';
import { lookNow } from './looks.ts';
import type { After } from './say.ts';
import { isRunning, type Run, type Wrapper } from './wrapper.ts';

/** `--on-exit restart` waits from the first to the last of these, in milliseconds, twice as long each time. Who lived longer than the last did not end early. */
const BACK_OFF_MS = { first: 1_000, last: 60_000 };

/** Deals with the end of what ran. */
export async function onEnd(wrapper: Wrapper, run: Run, how: End): Promise<void> {
  const { state, stop, say } = wrapper;
  state.isEndTold = true;
  await endRest(run.child, stop);
  wrapper.restoreModes();
  const pid = run.child.pid ?? null;
  if (await isToEnd(wrapper, run, how)) {
    say.record({ event: 'ended', pid, next: 'exit', ...how });
    return wrapper.finish(how);
  }
  // It may have ended because of what is being written.
  const { content } = await lookNow(wrapper);
  if (content?.key !== run.content?.key) run.sawOther = true;
  const next = whatNext(wrapper, run, how);
  const ended = { event: 'ended', pid, next, ...how } as const;
  if (next === 'exit') {
    say.tell(ended);
    return wrapper.finish(how);
  }
  if (next !== 'restart') return say.tell(ended);
  const inMs = backOff(wrapper, performance.now() - run.child.startedMs);
  say.tell({ ...ended, inMs });
  state.startAgainAtMs = performance.now() + inMs;
  setTimeout(wrapper.poke, inMs + 1);
}

/** Whether its end is ours, whatever `--on-exit` says. */
async function isToEnd(wrapper: Wrapper, run: Run, how: End): Promise<boolean> {
  const { state, onExit } = wrapper;
  const isSo = () => state.leaving !== null || isAfterSignal(wrapper, run, how);
  if (!isSo() && onExit !== 'exit') await wrapper.until(isSo, LATE_SIGNAL_MS);
  return isSo();
}

/** In milliseconds. What stood still may hear of the command's end before it hears of the signal that caused it: each thread takes one. */
const LATE_SIGNAL_MS = 200;

function whatNext({ state, onExit, programNow }: Wrapper, run: Run, how: End): After {
  // What can't be started the first time was asked for wrongly.
  if (how.error !== null && state.starts === 1) return 'exit';
  if (!run.sawOther || run.isLoaded) return onExit;
  // Half a script may end well. A command that writes into what is watched, and has done its work, wrote another file.
  return how.code !== 0 || programNow() !== run.program ? 'wait for the build' : onExit;
}

function backOff({ state }: Wrapper, livedMs: number): number {
  state.quickEnds = livedMs < BACK_OFF_MS.last ? state.quickEnds + 1 : 1;
  return Math.min(BACK_OFF_MS.last, BACK_OFF_MS.first * 2 ** (state.quickEnds - 1));
}

/** Whether it ended because of a signal that it or its terminal was sent. */
function isAfterSignal({ state, stop }: Wrapper, { child }: Run, { signal }: End): boolean {
  const { lastSignal } = state;
  if (lastSignal === null || lastSignal.atMs < child.startedMs) return false;
  if (signal === lastSignal.signal) return true;
  // SIGHUP may have been no more than "read your configuration".
  return lastSignal.signal !== 'SIGHUP' && performance.now() - lastSignal.atMs < stop.graceMs;
}

/**
 * Passes a signal on.
 * @param hasIt whether the terminal has sent it to the command as well
 */
export function onSignal(wrapper: Wrapper, signal: NodeJS.Signals, hasIt: boolean): void {
  const { state, stop } = wrapper;
  // After one of these, nothing is started any more.
  if (ASK_TO_END.has(signal) || signal === 'SIGHUP') {
    state.lastSignal = { signal, atMs: performance.now() };
    // A key is the command's to obey or not, unless it is not there to do so. SIGHUP asks a daemon to read its configuration anew.
    // On Windows it is the end of the console, and soon of all who share it.
    const isOurs = signal === 'SIGHUP' ? wrapper.onTerminal || !platform.isPosix : !hasIt;
    const isAway = !isRunning(state) || state.isStopping || state.candidate !== null;
    if (isOurs || isAway) state.leaving ??= signal;
  }
  const pass = ({ child }: Run) =>
    signal === 'SIGTERM' ? askToEnd(child, { ...stop, signal }) : signalChild(child, signal);
  if (!hasIt) for (const run of [state.current, state.candidate]) if (run !== null) pass(run);
  wrapper.poke();
}
