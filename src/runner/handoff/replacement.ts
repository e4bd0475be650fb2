/**
 * The new process's side of the protocol: from `claimRunner` to the lock.
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises';
import type { Detector } from '../../change/detector.ts';
import { DistprintError, errnoOf } from '../../errors.ts';
import { acquire, type LockHolder, readHolder } from '../role/lock.ts';
import { isAlive, isSameProcess, type ProcessId } from '../role/process-id.ts';
import { canReport, endReports, type Handoff, report, type Step } from './protocol.ts';

const GRANT_POLL_MS = 2;

export interface Claim {
  readonly me: ProcessId;
  readonly lockBase: string;
  /** What the environment said. Not yet believed. */
  readonly said: Handoff | undefined;
  /** Of what this process was loaded from. */
  readonly detector: Detector;
  /** Why its fingerprint is not that of the program that runs; null where nothing speaks for that. */
  readonly elsewhere: string | null;
  announce(step: Step): Promise<void>;
  log(line: string): void;
}

export interface Claimed {
  readonly holder: LockHolder;
  /** Undefined where this process replaces nobody: the lock was free. */
  readonly handoff: Handoff | undefined;
}

/**
 * Takes the lock, once it is free or granted. A rehearsal reports, and ends the process.
 * @throws ERR_DISTPRINT_RUNNING where another process holds it; ERR_DISTPRINT_NOT_GRANTED where the predecessor kept it
 */
export async function takeLock(claim: Claim): Promise<Claimed> {
  const { me, lockBase, said, detector, announce } = claim;
  const handoff = said && isGenuine(said, me, lockBase) ? said : undefined;
  if (handoff === undefined || handoff.part === 'exec') return { holder: acquireOrGoOn(claim), handoff };
  await announce('report');
  const { fingerprint, version } = detector.baseline;
  report({ at: 'loaded', fingerprint, version, doubt: claim.elsewhere ?? sayDoubt(detector) });
  if (handoff.part === 'rehearsal') process.exit(0);
  const holder = await waitForGrant(handoff, me, lockBase);
  await announce('granted');
  return { holder, handoff };
}

/** Tells the predecessor that this process serves, and a little later that it still does. */
export async function prove({ proveMs }: Handoff): Promise<void> {
  report({ at: 'ready' });
  await delay(proveMs);
  report({ at: 'alive' });
  endReports();
}

/**
 * Do not trust the variable. Accept it only from (a) our live parent over fd 3, (b) a dead parent that still holds the lock,
 * or (c) ourselves before exec.
 *
 * (a) needs no lock: its folder may be gone, and a rehearsal that took itself for an ordinary start would take the lock.
 */
function isGenuine({ part, from, generation }: Handoff, me: ProcessId, lockBase: string): boolean {
  if (part !== 'exec' && !canReport()) return false;
  if (part !== 'exec' && process.ppid === from.pid && isAlive(from)) return true;
  const holder = readHolder(lockBase);
  if (holder === undefined || holder.generation !== generation || !isSameProcess(holder.process, from)) return false;
  return part === 'exec' ? isSameProcess(from, me) : !isAlive(from);
}

function sayDoubt(detector: Detector): string | null {
  const { verdict, reason } = detector.checkSync();
  return verdict === 'current' ? null : (reason ?? `what is installed is ${verdict}`);
}

/** If the predecessor dies first, this process is the one that is left, and takes the lock by itself. */
async function waitForGrant({ from, grantMs }: Handoff, me: ProcessId, lockBase: string): Promise<LockHolder> {
  const deadlineMs = performance.now() + 2 * grantMs;
  for (;;) {
    const holder = readHolder(lockBase);
    if (holder !== undefined && isSameProcess(holder.process, me)) return holder;
    if (!isAlive(from)) return acquire(lockBase, me);
    if (performance.now() > deadlineMs) {
      const message = `process ${from.pid} keeps the lock: it granted nothing within ${2 * grantMs} ms`;
      throw new DistprintError('ERR_DISTPRINT_NOT_GRANTED', message, { path: lockBase });
    }
    await delay(GRANT_POLL_MS);
  }
}

/** A full or read-only disk is no reason to be offline: where no other holder is known, we serve without a record. */
function acquireOrGoOn({ lockBase, me, log }: Claim): LockHolder {
  try {
    return acquire(lockBase, me);
  } catch (error) {
    if (!DISK_TROUBLE.has(errnoOf(error) ?? '')) throw error;
    log(`the lock can't be written at ${lockBase}: ${(error as Error).message}; going on without it`);
    return { process: me, generation: (readHolder(lockBase)?.generation ?? 0) + 1 };
  }
}

/** Node's `mkdir` says ENOENT where it can't make a folder on a read-only disk. */
const DISK_TROUBLE = new Set(['ENOSPC', 'EROFS', 'EDQUOT', 'EIO', 'ENOENT']);
