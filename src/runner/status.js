/**
 * What another process can learn of a runner, from its lock, its state and what is installed.
 * @module
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createObserver, DEFAULT_SETTLE_MS } from '../observer.ts';
import { runSync } from '../steps.ts';
import { readOwner } from './lock.ts';
import { isAlive } from './process-id.ts';
import { defaultStateFile, lockBaseOf, readState } from './state-file.ts';
/** Never throws for what it finds. */
export function readRunnerStatus(options = {}) {
  const found = find(options);
  const look = found.state === null ? null : lookAt(found.state, options);
  return { ...found, installed: look };
}
/**
 * Whether a runner runs what is installed. True also where nothing can be concluded (an install under way), and where drift is not to be
 * checked: callers restart a runner of which this is false. False where none runs.
 */
export function isRunnerRunningInstalledVersion(options = {}) {
  const { isRunning, state } = find(options);
  if (!isRunning) return false;
  if (state === null || state.startedWithVersionHandoffDisabled === true) return true;
  return lookAt(state, options)?.verdict !== 'changed';
}
/**
 * Resolves true once another than the process that has this PID now has the role, alive, ready and on what is installed: another process, or the same one
 * after exec, which its generation tells. False at the timeout.
 */
export async function waitForRunnerHandoff(oldPid, options = {}) {
  const { timeoutMs = 30_000, pollIntervalMs = 500 } = options;
  const deadlineMs = performance.now() + timeoutMs;
  const before = find(options).owner;
  const isNew = (owner) =>
    owner.process.pid !== oldPid || (before?.process.pid === oldPid && owner.generation > before.generation);
  for (;;) {
    const { owner, isRunning, state } = find(options);
    if (owner !== null && isRunning && isNew(owner) && state?.distprint?.ready === true) {
      if (lookAt(state, options)?.verdict === 'current') return true;
    }
    const leftMs = deadlineMs - performance.now();
    if (leftMs <= 0) return false;
    await delay(Math.min(pollIntervalMs, leftMs));
  }
}
/** The PID alone is not believed: the lock says which process it was, and the state must be that one's. */
function find(options) {
  const stateFile = options.stateFile ?? defaultStateFile();
  let problem = null;
  let owner = null;
  let state = null;
  try {
    owner = readOwner(lockBaseOf(stateFile)) ?? null;
    state = readState(stateFile);
  } catch (error) {
    problem = error.message;
  }
  const isRunning = owner !== null && isAlive(owner.process);
  const isOwners = state?.pid === owner?.process.pid && state?.distprint?.started === owner?.process.started;
  if (state !== null && !isOwners) problem = `${stateFile} is not of the process that has the role`;
  return { stateFile, isRunning, owner, state: isOwners ? state : null, problem };
}
function lookAt({ distprint: own }, { cacheFile }) {
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
