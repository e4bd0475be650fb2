/**
 * Starts the command: in place of what ran, or beside it.
 *
 * What runs is tied to the last look before its start. What is written after that look is other content than that, and a later look sees
 * it: so what runs last is what is on disk.
 * @module
 */

import { MAX_TIMER_MS } from '../../change/repeat.ts';
import { recordHandOff } from '../../runner/handoff/gate.ts';
import { notify } from '../../runner/supervisor/systemd.ts';
import { endsWithin, listTree, sayEnd, startChild, stopChild } from './child.ts';
import { untilLoaded } from './loading.ts';
import { lookNow, lookUntilSettled, NEVER_SETTLES_MS } from './looks.ts';
import { noteBefore, waitUntilReady } from './ready.ts';
import type { Why } from './say.ts';
import type { Content, Difference } from './watched.ts';
import { isRunning, type Run, type Wrapper } from './wrapper.ts';

/** In milliseconds. Without `--ready`, what was started beside another is taken for ready when it has lived for so long. */
const ALIVE_MS = 2_000;
/** In milliseconds. A look that began no longer ago is taken for the last one before a start. */
const FRESH_MS = 200;
/** In milliseconds: how often to look for what can be started. */
const POLL_MS = 200;

/** The first start. It need not settle: what is there is what the operator wants to run, and a change is seen. */
export async function startFirst(wrapper: Wrapper): Promise<void> {
  const content = await whatIsThere(wrapper, true);
  if (wrapper.state.leaving !== null) return;
  const run = startInstead(wrapper, content);
  const { child } = run;
  wrapper.say.record({
    event: 'started',
    pid: child.pid ?? null,
    version: content?.version ?? null,
    fingerprint: content?.key ?? null,
  });
  if (wrapper.ready !== null)
    void untilReadyAlone(wrapper, run, () => {}).then(() => run.isReady && tellSystemd('READY=1'));
}

/** Why it is started anew, and since when that is under way (performance.now()). */
interface Restart {
  readonly why: Why;
  readonly before: Content | null;
  readonly beganMs: number;
  readonly settledInMs: number;
}

export async function startAnew(wrapper: Wrapper, why: Why): Promise<void> {
  const { state } = wrapper;
  const lacks = wrapper.lacks();
  if (isRunning(state) && lacks !== null) {
    // What runs is better than nothing.
    return wrapper.say.tell({ event: 'note', reason: `not restarted: ${lacks}` });
  }
  const beganMs = performance.now();
  const settledInMs = state.otherSinceMs === null ? 0 : beganMs - state.otherSinceMs;
  const restart: Restart = { why, before: state.current?.content ?? null, beganMs, settledInMs };
  if (why === 'content') state.history = recordHandOff(state.history, wrapper.limits, Date.now());
  if (isRunning(state) && wrapper.startsBeside) return startBeside(wrapper, restart);
  tellSystemd('RELOADING=1', 'STATUS=restarting');
  if (isRunning(state)) {
    const old = state.current as Run;
    // What is there is looked at meanwhile.
    const [isGone] = await Promise.all([end(wrapper, old), lookNow(wrapper)]);
    if (!isGone) return tellKept(wrapper, old, restart, state.look?.content ?? null, "it can't be ended");
  }
  const content = await whatIsThere(wrapper, why === 'by hand');
  if (state.leaving !== null) return;
  const run = startInstead(wrapper, content);
  void untilReadyAlone(wrapper, run, () => tellRestarted(wrapper, run, restart));
}

async function startBeside(wrapper: Wrapper, restart: Restart): Promise<void> {
  const { state } = wrapper;
  const old = state.current as Run;
  const look = await lookNow(wrapper);
  const { content } = look;
  const lacks = wrapper.lacks() ?? (content === null || restart.why === 'content' ? look.reason : null);
  if (lacks !== null) {
    if (restart.why !== 'content') wrapper.say.tell({ event: 'note', reason: `not restarted: ${lacks}` });
    return;
  }
  const run = start(wrapper, content);
  state.candidate = run;
  let trouble: string | null | undefined;
  void untilReady(wrapper, run).then((why) => {
    trouble = why;
    wrapper.poke();
  });
  // Newer content makes this one pointless. If the old one ends, this one is all there is.
  const isOvertaken = () => state.look?.state === 'settled' && state.look.content?.key !== content?.key;
  const isOver = () => trouble !== undefined || state.leaving !== null || isOvertaken() || old.child.end !== null;
  await wrapper.until(isOver);
  state.candidate = null;
  if (state.leaving !== null) return void (await end(wrapper, run));
  if (run.child.end === null && (trouble === null || old.child.end !== null)) {
    tellSystemd('RELOADING=1', 'STATUS=restarting');
    adopt(wrapper, run);
    await end(wrapper, old);
    return tellRestarted(wrapper, run, restart);
  }
  await end(wrapper, run);
  if (trouble === undefined || trouble === null) {
    wrapper.say.detail(`gave up process ${run.child.pid}: there is newer content`);
    return;
  }
  // What was just being written may be sound by now.
  if (!run.sawOther) return tellKept(wrapper, old, restart, content, trouble);
}

/** What is there is not tried again before it changes. */
async function tellKept(wrapper: Wrapper, { child }: Run, restart: Restart, content: Content | null, reason: string) {
  if (content !== null) refuse(wrapper, content, reason);
  const changed = await differ(wrapper, restart.before, content);
  const fingerprint = content?.key ?? null;
  tellSystemd('READY=1', `STATUS=kept the old process: ${reason}`);
  wrapper.say.tell({ event: 'kept', pid: child.pid ?? null, reason, fingerprint, changed });
}

function refuse({ state }: Wrapper, { key: fingerprint, version }: Content, reason: string): void {
  const tried = { fingerprint, version, reason, failures: 1, atMs: Date.now(), retryAtMs: Infinity };
  state.history = { ...state.history, tried };
}

function startInstead(wrapper: Wrapper, content: Content | null): Run {
  const run = start(wrapper, content);
  adopt(wrapper, run);
  return run;
}

function start(wrapper: Wrapper, content: Content | null): Run {
  const { state, how, mark, ready } = wrapper;
  const before = ready === null ? null : noteBefore(ready);
  const program = wrapper.programNow();
  const child = startChild(how, mark);
  state.starts++;
  void child.ended.then(wrapper.poke);
  const run: Run = { child, content, before, program, sawOther: false, isReady: ready === null, isLoaded: false };
  void untilLoaded(child).then(() => {
    run.isLoaded = child.end === null;
    void child.relatives?.look(); // what it has started by now is found later too, whoever ends first
    if (run.isLoaded) wrapper.say.detail(`process ${child.pid} has loaded its files`);
  });
  return run;
}

function adopt(wrapper: Wrapper, run: Run): void {
  const { state } = wrapper;
  state.current = run;
  state.isEndTold = false;
  state.startAgainAtMs = null;
  state.otherSinceMs = null;
  lookUntilSettled(wrapper);
}

/** Ends it, and all that it started. False where that is impossible: another user's process, or one that hangs in the kernel. */
async function end(wrapper: Wrapper, run: Run): Promise<boolean> {
  const { state, stop, say } = wrapper;
  const { child } = run;
  const isCurrent = state.current === run;
  if (isCurrent) Object.assign(state, { isStopping: true, isEndTold: true });
  const { killed, left } = await stopChild(child, stop);
  if (isCurrent) Object.assign(state, { isStopping: false, isEndTold: child.end !== null });
  if (killed) say.tell({ event: 'killed', pid: child.pid ?? null, graceMs: stop.graceMs });
  if (left.length > 0)
    say.tell({ event: 'note', reason: `processes that can't be ended are left: ${left.join(', ')}` });
  wrapper.restoreModes();
  return child.end !== null;
}

/**
 * What is there now, once that can be started.
 * @param isHasty whether it need not have settled, unless something was missing
 */
async function whatIsThere(wrapper: Wrapper, isHasty: boolean): Promise<Content | null> {
  const { state, say } = wrapper;
  let wholeSinceMs = performance.now();
  let told: string | null = null;
  while (state.leaving === null) {
    const isFresh = performance.now() - state.lookedMs < FRESH_MS;
    const look = isFresh && state.look !== null ? state.look : await lookNow(wrapper);
    const lacks = wrapper.lacks() ?? (look.content === null ? look.reason : null);
    if (lacks !== null) wholeSinceMs = performance.now();
    const isPatient = (!isHasty || told !== null) && performance.now() - wholeSinceMs < NEVER_SETTLES_MS;
    if (lacks === null && (look.state === 'settled' || !isPatient)) return look.content;
    const reason = lacks ?? `what is watched is being written (${look.reason})`;
    if (told === null || (lacks !== null && lacks !== told)) say.tell({ event: 'waiting', reason });
    told = reason;
    await wrapper.until(() => state.leaving !== null, Math.min(POLL_MS, look.retryInMs ?? POLL_MS));
  }
  return null;
}

/**
 * Calls `onReadyOrLate` when it is ready, has ended, or is late: that is told, and it is waited for all the same, for nobody is there who
 * could take its place. Resolves when it is ready, or has ended.
 */
async function untilReadyAlone(wrapper: Wrapper, run: Run, onReadyOrLate: () => unknown): Promise<void> {
  const trouble = await untilReady(wrapper, run);
  const isLate = trouble !== null && run.child.end === null;
  if (isLate) wrapper.say.tell({ event: 'note', reason: trouble });
  onReadyOrLate();
  if (isLate) await untilReady(wrapper, run, MAX_TIMER_MS);
}

/** Null once it is ready, else why it is not. */
async function untilReady(wrapper: Wrapper, run: Run, timeoutMs = wrapper.timeoutMs): Promise<string | null> {
  const { ready, state } = wrapper;
  const { child, before } = run;
  const isAlone = state.candidate?.child !== child;
  if (ready === null) return isAlone || !(await endsWithin(child, ALIVE_MS)) ? null : sayEnd(await child.ended);
  try {
    const pids = () => listTree(child);
    await waitUntilReady(ready, { child: child.process, pids, isAlone, before, timeoutMs });
    run.isReady = true;
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

async function tellRestarted(wrapper: Wrapper, run: Run, restart: Restart): Promise<void> {
  const { why, before, beganMs, settledInMs } = restart;
  const tookMs = performance.now() - beganMs;
  const isOther = before?.key !== run.content?.key;
  const changed = isOther || why === 'content' ? await differ(wrapper, before, run.content) : null;
  tellSystemd('READY=1', `STATUS=restarted ${new Date().toISOString()}`);
  const fingerprint = run.content?.key ?? null;
  wrapper.say.tell({ event: 'restarted', pid: run.child.pid ?? null, why, fingerprint, changed, settledInMs, tookMs });
}

async function differ({ watched }: Wrapper, from: Content | null, to: Content | null): Promise<Difference> {
  try {
    if (from !== null && to !== null) return await watched.difference(from, to);
  } catch {
    // a package became a plain directory: what differs has no common names
  }
  return { paths: [], from: from?.version ?? null, to: to?.version ?? null };
}

let told: Promise<void> = Promise.resolve();

/** One after the other. NotifyAccess= may not allow it. */
function tellSystemd(...assignments: string[]): void {
  told = told.then(() => notify(...assignments)).catch(() => {});
}
