/**
 * `distprint run -- <command>`: keeps a command on the code that is built or installed.
 *
 * Theory of operation. Every look at what is watched ends in `onLook`, everything else that happens in a field of `State`; both wake
 * `act`, which alone starts and stops processes, one step after the other. What runs is tied to the last look *before* its start: what
 * is written after that look differs from it, and is seen by a later one. So what runs last is what is on disk.
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises';
import { startHeartbeat } from '../../change/heartbeat.ts';
import { EMPTY_HISTORY, type History, recordHandOff, withoutFuture } from '../../runner/handoff/gate.ts';
import { notify } from '../../runner/supervisor/systemd.ts';
import { type Child, type End, endRest, endsWithin, signalChild, startChild, stopChild } from './child.ts';
import { decide } from './decide.ts';
import { type Prepared, prepare, type RunOptions } from './prepare.ts';
import { waitUntilReady } from './ready.ts';
import { sayEnd, type Why } from './say.ts';
import { ASK_TO_END, endAlike, hearSignals } from './signals.ts';
import { readRs } from './terminal.ts';
import type { Content, Look } from './watched.ts';

/** A process of the command, and what it was started on. */
interface Run {
  readonly child: Child;
  readonly content: Content | null;
  /** Whether other content was there while it loaded. */
  sawOther: boolean;
  /** Whether its end is wanted. */
  isStopping: boolean;
}

interface State {
  /** What runs. */
  current: Run | null;
  /** What is started beside it. */
  candidate: Run | null;
  /** What ran last, where none runs. */
  last: Run | null;
  look: Look | null;
  /** performance.now() of the first look that saw something else than what runs. */
  otherSinceMs: number | null;
  history: History;
  isAsked: boolean;
  /** Whether `act` may start anything: not before the first start, and not once we are to end. */
  leaving: NodeJS.Signals | null;
  /** The last signal that may have ended the command, and when (performance.now()). */
  lastSignal: { readonly signal: NodeJS.Signals; readonly atMs: number } | null;
  /** How often it ended early in a row. */
  quickEnds: number;
}

/** In milliseconds. A command has read its files after so long: content that comes and goes after that is no matter of its own. */
const LOADING_MS = 2_000;
/** A build that has not settled after so long is told of. */
const NEVER_SETTLES_MS = 30_000;
/** Without `--ready`, a process that was started beside another is taken for ready when it has lived for so long. */
const ALIVE_MS = 2_000;
/** `--on-exit restart` waits from the first to the last of these, twice as long each time. A command that lived for as long as the last is no quick end. */
const BACK_OFF_MS = { first: 1_000, last: 60_000 };
const POLL_MS = 200;

/** @throws ERR_DISTPRINT_OPTION and what else is wrong with what was asked for. Then it ends this process as the command ended. */
export async function runCommand(words: readonly string[], options: RunOptions): Promise<void> {
  const state: State = {
    current: null,
    candidate: null,
    last: null,
    look: null,
    otherSinceMs: null,
    history: EMPTY_HISTORY,
    isAsked: false,
    leaving: null,
    lastSignal: null,
    quickEnds: 0,
  };
  const vouched = () => {
    const run = state.current ?? state.last;
    return run === null || run.sawOther ? null : run.content;
  };
  const prepared = await prepare(words, options, vouched);
  await keepRunning(prepared, state);
}

async function keepRunning(prepared: Prepared, state: State): Promise<void> {
  const { watched, say, how, limits, stop, ready, timeoutMs, startFirst, onExit, onTerminal, watchdog } = prepared;
  const alive = setInterval(() => {}, 2 ** 30); // while no command runs
  let marks = 0;

  // --- looks

  async function lookNow(): Promise<Look> {
    const look = await watched.look();
    onLook(look);
    return look;
  }

  function onLook(look: Look): void {
    state.look = look;
    const nowMs = performance.now();
    for (const run of [state.current, state.candidate]) {
      if (run === null || look.content?.key === run.content?.key) continue;
      if (nowMs - run.child.startedMs < LOADING_MS) run.sawOther = true;
    }
    const isOther = look.content?.key !== (state.current ?? state.last)?.content?.key;
    if (!isOther) state.otherSinceMs = null;
    else state.otherSinceMs ??= nowMs;
    if (look.state === 'settled') neverSettles.isSaid = false;
    else if (isOther && state.current !== null && nowMs - (state.otherSinceMs ?? nowMs) > NEVER_SETTLES_MS)
      neverSettles.say(look);
    poke();
  }

  const neverSettles = {
    isSaid: false,
    say(look: Look) {
      if (this.isSaid) return;
      this.isSaid = true;
      say.tell({
        event: 'note',
        reason: `what is watched has not settled for ${NEVER_SETTLES_MS / 1000} s: ${look.reason}; the old one runs on`,
      });
    },
  };

  let lookTimer: NodeJS.Timeout | undefined;
  /** Beside the heartbeat: at once after a start, and until all has settled. */
  function lookIn(ms: number): void {
    clearTimeout(lookTimer);
    lookTimer = setTimeout(async () => {
      const { retryInMs } = await lookNow();
      if (retryInMs !== null) lookIn(retryInMs);
    }, ms);
  }

  // --- steps, one after the other

  let isActing = false;
  let isPoked = false;
  function poke(): void {
    isPoked = true;
    if (!isActing) void act();
  }

  async function act(): Promise<void> {
    isActing = true;
    while (isPoked) {
      isPoked = false;
      try {
        await step();
      } catch (error) {
        say.tell({ event: 'note', reason: `unexpected: ${(error as Error).stack}` });
      }
    }
    isActing = false;
  }

  let heldUntilMs = 0;
  async function step(): Promise<void> {
    if (state.leaving !== null) return;
    const run = state.current ?? state.last;
    if (run === null) return;
    state.history = withoutFuture(state.history, limits, Date.now());
    const situation = {
      runs: state.current !== null,
      ran: run.content?.key ?? null,
      isDoubtful: run.sawOther,
      isAsked: state.isAsked,
      history: state.history,
    };
    const next = decide(situation, state.look, limits, Date.now());
    if (next.do === 'nothing') return;
    if (next.do === 'hold') {
      if (next.untilMs === heldUntilMs) return;
      heldUntilMs = next.untilMs;
      say.tell({ event: 'held-back', reason: next.reason, untilMs: next.untilMs });
      setTimeout(poke, next.untilMs - Date.now() + 1);
      return;
    }
    state.isAsked = false;
    await startAnew(next.why);
  }

  async function startAnew(why: Why): Promise<void> {
    const beganMs = performance.now();
    const old = state.current;
    const before = (old ?? state.last)?.content ?? null;
    const settledInMs = state.otherSinceMs === null ? 0 : beganMs - state.otherSinceMs;
    tellSystemd('RELOADING=1', 'STATUS=restarting');
    const run = old !== null && startFirst ? await startBeside(old, before) : await startInstead(old, why);
    tellSystemd('READY=1', `STATUS=runs ${run?.content?.version ?? ''}`.trim());
    if (run === null) return;
    const tookMs = performance.now() - beganMs;
    const changed = await differ(before, run.content);
    const isNew = before?.key !== run.content?.key;
    if (why === 'content') state.history = recordHandOff(state.history, limits, Date.now());
    say.tell({
      event: 'restarted',
      pid: run.child.pid ?? 0,
      why,
      fingerprint: run.content?.key ?? null,
      changed: isNew || why === 'content' ? changed : null,
      settledInMs,
      tookMs,
    });
  }

  const differ = async (from: Content | null, to: Content | null) =>
    from === null || to === null
      ? { paths: [], from: from?.version ?? null, to: to?.version ?? null }
      : watched.difference(from, to);

  async function startInstead(old: Run | null, why: Why): Promise<Run | null> {
    if (old !== null) await end(old);
    if (state.leaving !== null) {
      finish({ code: null, signal: state.leaving });
      return null;
    }
    const content = await whatIsThere(why === 'by hand');
    if (state.leaving !== null) return null;
    const run = start(content);
    adopt(run);
    await untilReady(run);
    return run;
  }

  async function startBeside(old: Run, before: Content | null): Promise<Run | null> {
    const { content } = await watched.look();
    const run = start(content);
    state.candidate = run;
    const trouble = await untilReady(run);
    if (trouble === null && run.child.end === null) {
      state.candidate = null;
      state.current = null;
      adopt(run);
      await end(old);
      return run;
    }
    await end(run);
    state.candidate = null;
    const reason = trouble ?? 'it ended';
    if (content !== null) {
      const { key: fingerprint, version } = content;
      const tried = { fingerprint, version, reason, failures: 1, atMs: Date.now(), retryAtMs: Infinity };
      state.history = { ...state.history, tried };
    }
    const changed = await differ(before, content);
    say.tell({ event: 'kept', pid: old.child.pid ?? 0, reason, fingerprint: content?.key ?? null, changed });
    if (old.child.end !== null) await onEnd(old, old.child.end);
    return null;
  }

  /** What is there now, once that can be started. It has settled, unless `isHasty`. */
  async function whatIsThere(isHasty: boolean): Promise<Content | null> {
    const beganMs = performance.now();
    let told: string | null = null;
    while (state.leaving === null) {
      const look = await watched.look();
      const isSettled = look.state === 'settled' || look.content?.key === (state.current ?? state.last)?.content?.key;
      const isPatient = performance.now() - beganMs < NEVER_SETTLES_MS;
      const lacks = prepared.lacks();
      const isWhole = look.content !== null && lacks === null;
      if (isWhole && (isSettled || isHasty || !isPatient)) return look.content;
      const reason = lacks ?? look.reason ?? 'something is being written';
      if (told === null || (!isWhole && told !== reason && look.content === null)) {
        told = reason;
        say.tell({ event: 'waiting', reason });
      }
      await delay(Math.min(POLL_MS, look.retryInMs ?? POLL_MS));
    }
    return null;
  }

  function start(content: Content | null): Run {
    const child = startChild(how, `${prepared.mark}${++marks}`);
    const run: Run = { child, content, sawOther: false, isStopping: false };
    guard(run);
    void child.ended.then(async (how) => {
      if (run.isStopping) return;
      if (state.candidate === run) return; // who waits for it says what is to come
      await onEnd(run, how);
    });
    return run;
  }

  function adopt(run: Run): void {
    state.current = run;
    state.last = null;
    state.otherSinceMs = null;
    state.quickEnds = Math.max(0, state.quickEnds);
    lookIn(0);
    if (run.child.end !== null) void onEnd(run, run.child.end);
  }

  /** Ends it with all that it started. */
  async function end(run: Run): Promise<void> {
    run.isStopping = true;
    const isKilled = await stopChild(run.child, stop);
    if (isKilled) say.tell({ event: 'killed', pid: run.child.pid ?? 0, graceMs: stop.graceMs });
    gone(run);
  }

  function gone(run: Run): void {
    prepared.restoreModes();
    guard();
    if (state.current !== run) return;
    state.current = null;
    state.last = run;
  }

  function guard(...more: Run[]): void {
    const runs = [state.current, state.candidate, ...more].filter((run) => run !== null);
    const leaders = runs.filter(({ child }) => child.leads && child.end === null).map(({ child }) => child.pid);
    watchdog.guard(leaders.filter((pid) => pid !== undefined));
  }

  /** Null where it is ready, else why not. */
  async function untilReady(run: Run): Promise<string | null> {
    const late = new AbortController();
    const ended = run.child.ended.then((how) => sayEnd(how).replace('the command', 'the new one'));
    if (ready === null) {
      if (!startFirst || state.candidate !== run) return null;
      return (await endsWithin(run.child, ALIVE_MS)) ? ended : null;
    }
    const timer = setTimeout(() => late.abort(), timeoutMs);
    const { process: child, output } = run.child;
    const isReady = waitUntilReady(ready, { child, output, signal: late.signal }).then(
      () => null,
      (error: Error) => (late.signal.aborted ? lateText : error.message),
    );
    const isLate = new Promise<string>((resolve) => late.signal.addEventListener('abort', () => resolve(lateText)));
    const lateText = `the new one is not ready after ${timeoutMs / 1000} s (${prepared.readyText})`;
    const trouble = await Promise.race([isReady, ended, isLate]);
    clearTimeout(timer);
    late.abort();
    if (trouble === lateText && state.candidate !== run) say.tell({ event: 'note', reason: lateText });
    return trouble;
  }

  // --- ends

  async function onEnd(run: Run, how: End): Promise<void> {
    if (run.isStopping) return;
    run.isStopping = true;
    if (state.candidate !== null && state.current === run) {
      // The one beside it may yet take its place.
      state.current = null;
      state.last = run;
      run.isStopping = false;
      if (state.leaving === null) return;
    }
    await endRest(run.child, stop.signal, stop.graceMs);
    gone(run);
    if (state.candidate !== null) await end(state.candidate);
    if (state.leaving !== null || isAfterSignal(run, how)) return finish(how);
    const then = how.error !== null && marks === 1 ? 'exit' : onExit;
    if (then === 'exit') {
      say.tell({ event: 'ended', pid: run.child.pid ?? null, then, ...how });
      return finish(how);
    }
    if (then === 'restart') {
      const isQuick = performance.now() - run.child.startedMs < BACK_OFF_MS.last;
      state.quickEnds = isQuick ? state.quickEnds + 1 : 1;
      const inMs = Math.min(BACK_OFF_MS.last, BACK_OFF_MS.first * 2 ** (state.quickEnds - 1));
      say.tell({ event: 'ended', pid: run.child.pid ?? null, then, inMs, ...how });
      const timer = setTimeout(() => {
        if (state.current !== null || isActing) return;
        state.isAsked = true;
        poke();
      }, inMs);
      timer.unref();
    } else {
      say.tell({ event: 'ended', pid: run.child.pid ?? null, then, ...how });
    }
    const look = await lookNow();
    if (look.content?.key !== run.content?.key) run.sawOther = true;
    if (then === 'wait') waitForKeys();
  }

  function waitForKeys(): void {
    if (state.current !== null || !onTerminal) return;
    const typed = new AbortController();
    stopReading = () => typed.abort();
    readRs(ask, typed.signal);
  }
  let stopReading = () => {};

  function ask(): void {
    stopReading();
    state.isAsked = true;
    poke();
  }

  /** Whether it ended because of a signal that it or its terminal was sent. */
  function isAfterSignal({ child }: Run, { signal }: End): boolean {
    const { lastSignal } = state;
    if (lastSignal === null || lastSignal.atMs < child.startedMs) return false;
    return signal === lastSignal.signal || performance.now() - lastSignal.atMs < stop.graceMs;
  }

  function onSignal(signal: NodeJS.Signals, hasIt: boolean): void {
    const runs = [state.current, state.candidate].filter((run) => run !== null);
    const asksToEnd = ASK_TO_END.has(signal) || signal === 'SIGHUP';
    if (asksToEnd) state.lastSignal = { signal, atMs: performance.now() };
    const isBusy = isActing || state.current === null;
    if ((ASK_TO_END.has(signal) && (!hasIt || isBusy)) || (signal === 'SIGHUP' && onTerminal)) state.leaving ??= signal;
    if (!hasIt) for (const { child } of runs) signalChild(child, signal);
    if (asksToEnd && runs.length === 0) finish({ code: null, signal });
  }

  let isFinished = false;
  function finish(how: Pick<End, 'code' | 'signal'>): void {
    if (isFinished) return;
    isFinished = true;
    beats.abort();
    clearTimeout(lookTimer);
    clearInterval(alive);
    prepared.restoreModes();
    prepared.closeSockets();
    endAlike(how);
  }

  let told: Promise<void> = Promise.resolve();
  function tellSystemd(...assignments: string[]): void {
    if (process.env.NOTIFY_SOCKET === undefined) return;
    told = told.then(() => notify(...assignments)).catch(() => {}); // NotifyAccess= may not allow it
  }

  // --- go

  const beats = new AbortController();
  hearSignals(!how.ownSession, onSignal);
  process.on('SIGUSR2', ask);
  const first = await whatIsThere(true);
  if (state.leaving !== null) return;
  isActing = true;
  const run = start(first);
  adopt(run);
  say.tell({
    event: 'started',
    pid: run.child.pid ?? 0,
    version: first?.version ?? null,
    fingerprint: first?.key ?? null,
  });
  const trouble = await untilReady(run);
  if (ready !== null && trouble === null) tellSystemd('READY=1');
  startHeartbeat({
    detector: { check: async () => toCheck(await lookNow()) },
    intervalMs: prepared.intervalMs,
    signal: beats.signal,
  });
  void act();
}

/** As the heartbeat knows it: it asks only when to look again. */
function toCheck({ state, content, reason, retryInMs, filesRead, directoriesRead }: Look) {
  return {
    verdict: state === 'settled' ? ('current' as const) : ('settling' as const),
    fingerprint: content?.key ?? null,
    ...(reason !== null && { reason }),
    ...(retryInMs !== null && { retryInMs }),
    filesRead,
    directoriesRead,
  };
}
