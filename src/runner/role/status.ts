/**
 * What another process can learn of a runner, from its lock, its state and what is installed.
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises';
import { createObserver, DEFAULT_SETTLE_MS } from '../../change/observer.ts';
import { runSync } from '../../steps.ts';
import { type Owner, readOwner } from './lock.ts';
import { isAlive } from './process-id.ts';
import { defaultStateFile, lockBaseOf, type RunnerState, readState } from './state-file.ts';

/** Which runner to ask about. */
export interface StatusOptions {
  /** Default: `$DISTPRINT_STATE_FILE`, else in the user's state directory. */
  stateFile?: string;
  /** Where to keep the stat cache, so that the next process need not read every file again. */
  cacheFile?: string;
}

/** What is known of a runner from outside. */
export interface RunnerStatus {
  readonly stateFile: string;
  readonly isRunning: boolean;
  /** Who has the role, or had it last. */
  readonly owner: Owner | null;
  /** What the runner says of itself; null where there is no file, where it can't be trusted, or where it is somebody else's than the owner's. */
  readonly state: RunnerState | null;
  /** Why the state can't be trusted, where it can't. */
  readonly problem: string | null;
  /** What is installed now. `settling` and `missing` allow no conclusion. */
  readonly installed: {
    readonly verdict: 'current' | 'changed' | 'settling' | 'missing';
    readonly version: string | null;
  } | null;
}

/** Never throws for what it finds. */
export function readRunnerStatus(options: StatusOptions = {}): RunnerStatus {
  const found = find(options);
  const look = found.state === null ? null : lookAt(found.state, options);
  return { ...found, installed: look };
}

/**
 * Whether a runner runs what is installed. True also where nothing can be concluded (an install under way), and where drift is not to be
 * checked: callers restart a runner of which this is false. False where none runs.
 */
export function isRunnerRunningInstalledVersion(options: StatusOptions = {}): boolean {
  const { isRunning, state } = find(options);
  if (!isRunning) return false;
  if (state === null || state.startedWithVersionHandoffDisabled === true) return true;
  return lookAt(state, options)?.verdict !== 'changed';
}

/** How long to wait, and how often to look. */
export interface WaitOptions extends StatusOptions {
  /** Milliseconds. Default 30,000. */
  timeoutMs?: number;
  /** Milliseconds. Default 500. */
  pollIntervalMs?: number;
}

/**
 * Resolves true once another than the process that has this PID now has the role, alive, ready and on what is installed: another process, or the same one
 * after exec, which its generation tells. False at the timeout.
 */
export async function waitForRunnerHandoff(oldPid: number, options: WaitOptions = {}): Promise<boolean> {
  const { timeoutMs = 30_000, pollIntervalMs = 500 } = options;
  const deadlineMs = performance.now() + timeoutMs;
  const before = find(options).owner;
  const isNew = (owner: Owner) =>
    owner.process.pid !== oldPid || (before?.process.pid === oldPid && owner.generation > before.generation);
  for (;;) {
    const { owner, isRunning, state } = find(options);
    // After exec the PID is the same, and for a moment the state is still what the old code said of itself.
    const isOfOwner = state?.distprint?.generation === owner?.generation;
    if (owner !== null && isRunning && isNew(owner) && isOfOwner && state?.distprint?.ready === true) {
      if (lookAt(state, options)?.verdict === 'current') return true;
    }
    const leftMs = deadlineMs - performance.now();
    if (leftMs <= 0) return false;
    await delay(Math.min(pollIntervalMs, leftMs));
  }
}

/** The PID alone is not believed: the lock says which process it was, and the state must be that one's. */
function find(options: StatusOptions): Omit<RunnerStatus, 'installed'> {
  const stateFile = options.stateFile ?? defaultStateFile();
  let problem: string | null = null;
  let owner: Owner | null = null;
  let state: RunnerState | null = null;
  try {
    owner = readOwner(lockBaseOf(stateFile)) ?? null;
    state = readState(stateFile);
  } catch (error) {
    problem = (error as Error).message;
  }
  const isRunning = owner !== null && isAlive(owner.process);
  const isOwners = state?.pid === owner?.process.pid && state?.distprint?.started === owner?.process.started;
  if (state !== null && !isOwners) problem = `${stateFile} is not of the process that has the role`;
  return { stateFile, isRunning, owner, state: isOwners ? state : null, problem };
}

function lookAt({ distprint: own }: RunnerState, { cacheFile }: StatusOptions): RunnerStatus['installed'] {
  if (own === undefined) return null;
  const { include, exclude, kind } = own.coverage;
  const coverage = { ...(include && { include }), ...(exclude && { exclude }), ...(kind && { kind }) };
  const observer = createObserver({ root: own.path, coverage, settleMs: DEFAULT_SETTLE_MS, cacheFile });
  const seen = runSync(observer.look((fingerprint) => fingerprint === own.fingerprint));
  if (!('tree' in seen)) return { verdict: seen.state === 'missing' ? 'missing' : 'settling', version: null };
  const { version } = seen.tree.pass.subject;
  if (seen.state === 'settling') return { verdict: 'settling', version };
  return { verdict: seen.tree.fingerprint === own.fingerprint ? 'current' : 'changed', version };
}
