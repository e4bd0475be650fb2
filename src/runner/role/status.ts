/**
 * What another process can learn of a runner, from its lock, its state and what is installed.
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises';
import { defaultCacheFile } from '../../change/default-cache.ts';
import { createObserver, DEFAULT_SETTLE_MS } from '../../change/observer.ts';
import { platform } from '../../platform/index.ts';
import { isForeign } from '../../platform/process-id.ts';
import { runSync } from '../../steps.ts';
import { type ExecutableStatus, lookAtExecutable } from './executable.ts';
import { lives } from './liveness.ts';
import { type LockHolder, readHolder } from './lock.ts';
import { defaultStateFile, lockBaseOf, type OwnState, type RunnerState, readState } from './state-file.ts';

/** Which runner to ask about. */
export interface StatusOptions {
  /** Default: `$DISTPRINT_STATE_FILE`, else in the user's state directory. */
  stateFile?: string;
  /**
   * Where to keep the stat cache, so that the next process need not read every file again. Default: for an executable of 8 MiB or
   * more, a file in `$XDG_CACHE_HOME/distprint`; else none is kept.
   */
  cacheFile?: string;
}

/** What is known of a runner from outside. */
export interface RunnerStatus {
  readonly stateFile: string;
  /** Whether the lock holder lives. Null where this user can't tell: the lock can't be read, or the process is hidden (`hidepid=`). */
  readonly isRunning: boolean | null;
  /** Who holds the lock, or held it last. */
  readonly holder: LockHolder | null;
  /**
   * What the lock holder says of itself; right after a grant, what its predecessor said last. Null where there is no such file, or none
   * that can be trusted.
   */
  readonly state: RunnerState | null;
  /** Why the state can't be trusted, where it can't. */
  readonly problem: string | null;
  /** What is installed now. With `settling` and `missing` nothing can be concluded. */
  readonly installed: {
    readonly verdict: 'current' | 'changed' | 'settling' | 'missing';
    /** Of package.json. */
    readonly name: string | null;
    readonly version: string | null;
    /** Null with `settling` and `missing`. */
    readonly fingerprint: string | null;
  } | null;
  /** What the process that runs the code was started from: Node, say. Null where that can't be known. */
  readonly executable: ExecutableStatus | null;
}

/** Never throws for what it finds. */
export function readRunnerStatus(options: StatusOptions = {}): RunnerStatus {
  const found = find(options);
  const look = found.state === null ? null : lookAt(found.state, options);
  return { ...found, installed: look, executable: found.isRunning ? findExecutable(found) : null };
}

/** Of `distprint run`, it is the command that runs the code. */
function findExecutable({ holder, state }: Found): ExecutableStatus | null {
  const { command } = state?.distprint ?? {};
  const running = command === undefined ? holder?.process : command;
  return running == null ? null : lookAtExecutable(running);
}

/**
 * Whether a runner runs what is installed, or moves to it without help. False where none runs (but for the 30 s in which a supervisor
 * starts it again after strategy `exit`), and where it stays on old code (no safe
 * strategy, the breaker, a back-off): returning false makes callers restart the runner. True also where nothing can be concluded (an
 * install is under way, or this user may not read it), and where the operator opted out.
 */
export function isRunnerRunningInstalledVersion(options: StatusOptions = {}): boolean {
  const { isRunning, state } = find(options);
  if (isRunning === false) return isBeingRestarted(state);
  if (state?.distprint === undefined || state.distprint.handoffDisabled) return true;
  return willMoveItself(state.distprint) || lookAt(state, options)?.verdict !== 'changed';
}

/** Whether a hand-off is under way, or waits only for the next beat, its turn, an idle host or launchd. */
function willMoveItself({ ready, handingOff, heldBack, decision }: OwnState): boolean {
  if (!ready || handingOff !== null) return true;
  return decision.strategy !== 'none' && (heldBack === null || ['idle', 'turn', 'throttle'].includes(heldBack.gate));
}

/** After strategy `exit` none runs until the supervisor has started the new code: who starts one by hand meanwhile takes its place. */
export function isBeingRestarted(state: RunnerState | null): boolean {
  if (state?.distprint?.handingOff?.step !== 'exit') return false;
  const sinceMs = Date.now() - new Date(state.lastHeartbeat ?? 0).getTime();
  return sinceMs < RESTART_MS;
}

/** Longer than supervisors wait, and programs start. */
const RESTART_MS = 30_000;

/** How long to wait, and how often to look. */
export interface WaitOptions extends StatusOptions {
  /** Milliseconds. Default 30,000. */
  timeoutMs?: number;
  /** Milliseconds. Default 500. */
  pollIntervalMs?: number;
}

/**
 * Waits for a hand-off from the process with this PID. Resolves true once the lock holder is another process, or the same one after exec
 * (its generation tells), is ready, and runs what is installed. False at the timeout.
 */
export async function waitForRunnerHandoff(oldPid: number, options: WaitOptions = {}): Promise<boolean> {
  const { timeoutMs = 30_000, pollIntervalMs = 500 } = options;
  const deadlineMs = performance.now() + timeoutMs;
  const before = find(options).holder;
  const isNew = (holder: LockHolder) =>
    holder.process.pid !== oldPid || (before?.process.pid === oldPid && holder.generation > before.generation);
  for (;;) {
    const { holder, isRunning, state } = find(options);
    // After exec the PID is the same, and for a moment the state is still what the old code said of itself.
    const isOfHolder = state?.distprint?.generation === holder?.generation;
    if (holder !== null && isRunning && isNew(holder) && isOfHolder && state?.distprint?.ready === true) {
      if (lookAt(state, options)?.verdict === 'current') return true;
    }
    const leftMs = deadlineMs - performance.now();
    if (leftMs <= 0) return false;
    await delay(Math.min(pollIntervalMs, leftMs));
  }
}

/** A PID alone proves nothing: the lock names the process, and the state must be of that very one. */
type Found = Omit<RunnerStatus, 'installed' | 'executable'>;

function find(options: StatusOptions): Found {
  const stateFile = options.stateFile ?? defaultStateFile();
  let problem: string | null = null;
  let holder: LockHolder | null = null;
  let isRunning: boolean | null = null;
  let state: RunnerState | null = null;
  try {
    holder = readHolder(lockBaseOf(stateFile)) ?? null;
    isRunning = holder === null ? false : seeLife(stateFile, holder);
    state = readState(stateFile);
  } catch (error) {
    problem = (error as Error).message;
  }
  const isHolders =
    (state?.pid === holder?.process.pid && state?.distprint?.started === holder?.process.started) ||
    (isRunning === true && isOfGrant(state, holder));
  if (state !== null && !isHolders) problem = `${stateFile} is not of the process that holds the lock`;
  return { stateFile, isRunning, holder, state: isHolders ? state : null, problem };
}

function seeLife(stateFile: string, holder: LockHolder): boolean | null {
  if (lives(stateFile, holder)) return true;
  return !isForeign(holder.process) && platform.isHidden(holder.process.pid) ? null : false;
}

/** Whether the state's process granted the lock to this holder, who has written none yet. */
function isOfGrant(state: RunnerState | null, holder: LockHolder | null): boolean {
  const own = state?.distprint;
  return own?.handingOff?.step === 'grant' && own.generation + 1 === holder?.generation;
}

function lookAt({ distprint: own }: RunnerState, { cacheFile }: StatusOptions): RunnerStatus['installed'] {
  if (own === undefined) return null;
  const { include, exclude, kind } = own.coverage;
  const coverage = { ...(include && { include }), ...(exclude && { exclude }), ...(kind && { kind }) };
  const cache = cacheFile ?? (kind === 'executable' ? defaultCacheFile(own.path) : undefined);
  const observer = createObserver({ root: own.path, coverage, settleMs: DEFAULT_SETTLE_MS, cacheFile: cache });
  const seen = runSync(observer.look((fingerprint) => fingerprint === own.fingerprint));
  const unknown = { name: null, version: null, fingerprint: null };
  if (!('tree' in seen)) return { verdict: seen.state === 'missing' ? 'missing' : 'settling', ...unknown };
  const { name, version } = seen.tree.pass.subject;
  if (seen.state === 'settling') return { verdict: 'settling', name, version, fingerprint: null };
  const { fingerprint } = seen.tree;
  // Behind the gate `program` its fingerprint is not of what runs.
  const isSame = own.heldBack?.gate !== 'program' && fingerprint === own.fingerprint;
  return { verdict: isSame ? 'current' : 'changed', name, version, fingerprint };
}
