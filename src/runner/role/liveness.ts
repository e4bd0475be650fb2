/**
 * Whether a lock holder lives. Its PID tells, in its own boot and PID namespace. One of another (two containers that share a volume, two
 * machines that share a disk) is believed to live while its heartbeats are fresh.
 * @module
 */

import { statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { DEFAULT_INTERVAL_MS } from '../../change/heartbeat.ts';
import { isAlive, isForeign, isSameProcess } from '../../platform/process-id.ts';
import { seesBeacon } from './beacon.ts';
import { type LockHolder, readHolder, refuseClaim } from './lock.ts';
import { lockBaseOf, type RunnerState, readState } from './state-file.ts';

/** Whether this lock holder lives, as far as its PID or its state tells. Never throws. */
export function lives(stateFile: string, holder: LockHolder): boolean {
  return isForeign(holder.process) ? findFreshBeat(stateFile, holder) !== undefined : isAlive(holder.process);
}

interface Beat {
  /** Date.now() */
  readonly atMs: number;
  /** How long it counts as a sign of life: a few intervals of its own. */
  readonly countsMs: number;
}

const FRESH_INTERVALS = 3;

function findFreshBeat(stateFile: string, holder: LockHolder): Beat | undefined {
  const beat = findLastBeat(stateFile, holder);
  return beat !== undefined && Date.now() - beat.atMs < beat.countsMs ? beat : undefined;
}

/** Between the claim and the first write of the state, the lock's own time stands for it. */
function findLastBeat(stateFile: string, holder: LockHolder): Beat | undefined {
  const state = readOwn(stateFile, holder);
  if (state?.distprint === undefined) {
    const file = statSync(`${lockBaseOf(stateFile)}.${holder.generation}`, { throwIfNoEntry: false });
    return file && { atMs: file.mtimeMs, countsMs: FRESH_INTERVALS * DEFAULT_INTERVAL_MS };
  }
  const { intervalMs } = state.distprint;
  if (intervalMs === null) return undefined;
  return { atMs: new Date(state.lastHeartbeat ?? 0).getTime(), countsMs: FRESH_INTERVALS * intervalMs };
}

function readOwn(stateFile: string, { process: { pid, started } }: LockHolder): RunnerState | undefined {
  try {
    const state = readState(stateFile);
    return state?.pid === pid && state.distprint?.started === started ? state : undefined;
  } catch {
    return undefined;
  }
}

const LOOK_AGAIN_MS = 50;

/**
 * Waits until a lock holder of another PID namespace or machine beats again, or has missed some beats, unless its beacon tells at once
 * (beacon.ts). A container that was started again right after a crash finds such a lock: its own, of the run before.
 * @throws ERR_DISTPRINT_RUNNING where it lives
 */
export async function waitOutForeign(stateFile: string, log: (line: string) => void): Promise<void> {
  const base = lockBaseOf(stateFile);
  const first = findForeign(stateFile, base);
  if (first === undefined) return;
  const { process, countsMs } = first;
  const isLit = await seesBeacon(base, process);
  if (isLit === true) throw refuseClaim(base, first);
  if (isLit === false) return;
  const what = `process ${process.pid} of another PID namespace or machine holds ${base}`;
  log(`${what}; waiting for its next heartbeat, up to ${Math.ceil(countsMs / 1000)} s`);
  const deadlineMs = performance.now() + countsMs; // its clock may be ahead of ours
  while (performance.now() < deadlineMs) {
    const now = findForeign(stateFile, base);
    if (now === undefined) return;
    if (!isSameProcess(now.process, process) || now.atMs !== first.atMs) throw refuseClaim(base, now);
    await delay(LOOK_AGAIN_MS);
  }
}

function findForeign(stateFile: string, base: string): (LockHolder & Beat) | undefined {
  const holder = readHolder(base);
  if (holder === undefined || !isForeign(holder.process)) return undefined;
  const beat = findFreshBeat(stateFile, holder);
  return beat && { ...holder, ...beat };
}
