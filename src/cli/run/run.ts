/**
 * `distprint run -- <command>`: keeps a command on the code that is built or installed.
 * @module
 */

import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startHeartbeat } from '../../change/heartbeat.ts';
import { MAX_TIMER_MS } from '../../change/repeat.ts';
import { EMPTY_HISTORY, withoutFuture } from '../../runner/handoff/gate.ts';
import { decide } from './decide.ts';
import { onEnd, onSignal } from './ending.ts';
import { lookForBeat } from './looks.ts';
import { type MetricsRecord, startMetrics } from './metrics.ts';
import { prepare, type RunOptions } from './prepare.ts';
import { type Record, startRecord } from './record.ts';
import { startAnew, startFirst } from './restart.ts';
import { withAfter } from './say.ts';
import { endAlike, hearSignals } from './signals.ts';
import { readRs } from './terminal.ts';
import { createState, createWaiting, isRunning, type Wrapper } from './wrapper.ts';

/**
 * Resolves when this process is about to end, as the command ended.
 * @throws ERR_DISTPRINT_OPTION, and what else is wrong with what was asked for
 */
export async function runCommand(words: readonly string[], options: RunOptions): Promise<void> {
  const state = createState(EMPTY_HISTORY);
  const prepared = await prepare(words, options, state);
  const over = new AbortController();
  let record: Record | undefined;
  let metrics: MetricsRecord | undefined;
  const wrapper: Wrapper = {
    ...prepared,
    ...createWaiting(),
    say: withAfter(prepared.say, () => {
      record?.write();
      metrics?.write();
    }),
    state,
    finish(how) {
      over.abort();
      clearInterval(alive);
      metrics?.end();
      prepared.restoreModes();
      prepared.closeSockets();
      endAlike(how);
    },
  };
  try {
    if (options.state !== undefined) record = await startRecord(wrapper, resolve(options.state), words);
  } catch (error) {
    prepared.closeSockets();
    throw error;
  }
  if (options.metricsFile !== undefined) metrics = startMetrics(wrapper, options.metricsFile, words);
  const alive = setInterval(() => {}, MAX_TIMER_MS); // while no command runs
  hear(wrapper, over.signal);
  await startFirst(wrapper);
  while (!over.signal.aborted) await step(wrapper).catch((error: Error) => outlive(wrapper, error));
}

/** From now on, what happens is written down. */
function hear(wrapper: Wrapper, over: AbortSignal): void {
  const { how, watched, intervalMs, say } = wrapper;
  hearSignals(!how.ownSession, (signal, hasIt) => onSignal(wrapper, signal, hasIt));
  process.on('SIGUSR2', () => ask(wrapper));
  startHeartbeat({
    detector: { check: () => lookForBeat(wrapper), whereToListen: watched.whereToListen },
    intervalMs,
    wake: true,
    onNote: (reason) => say.tell({ event: 'note', reason }),
    signal: over,
  });
}

/** An error that nobody foresaw must not become the command's end. */
async function outlive({ say }: Wrapper, error: Error): Promise<void> {
  say.tell({ event: 'note', reason: `this should not happen: ${error.stack}` });
  await delay(AFTER_ERROR_MS);
}

const AFTER_ERROR_MS = 1_000;

function ask(wrapper: Wrapper): void {
  wrapper.state.isAsked = true;
  wrapper.poke();
}

/** Does what is to be done, or waits for something to do. */
async function step(wrapper: Wrapper): Promise<void> {
  const { state, say } = wrapper;
  const { current, leaving } = state;
  if (current !== null && current.child.end !== null && !state.isEndTold)
    return onEnd(wrapper, current, current.child.end);
  if (leaving !== null && !isRunning(state)) return wrapper.finish({ code: null, signal: leaving });
  const next = judge(wrapper);
  if (next.do === 'start') {
    state.isAsked = false;
    return startAnew(wrapper, next.why);
  }
  if (next.do === 'hold' && next.untilMs !== state.heldUntilMs) {
    state.heldUntilMs = next.untilMs;
    say.tell({ event: 'held-back', reason: next.reason, untilMs: next.untilMs });
    setTimeout(wrapper.poke, next.untilMs - Date.now() + 1);
  }
  await idle(wrapper);
}

function judge(wrapper: Wrapper) {
  const { state, limits } = wrapper;
  const nowMs = Date.now();
  state.history = withoutFuture(state.history, limits, nowMs);
  return decide(state, limits, nowMs, performance.now());
}

/** Until something happened. While no command reads the terminal, or with `--rs`, `rs` is heard there. */
async function idle(wrapper: Wrapper): Promise<void> {
  const { state, how } = wrapper;
  const typed = new AbortController();
  if (!isRunning(state) || how.keepsInput) readRs(() => ask(wrapper), typed.signal);
  await wrapper.nextPoke();
  typed.abort();
}
