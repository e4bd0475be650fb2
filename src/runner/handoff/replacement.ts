/**
 * The new process's side of the protocol: from `claimRunner` to the lock.
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises';
import type { Detector } from '../../change/detector.ts';
import { DistprintError } from '../../errors.ts';
import { isAlive, isSameProcess, type ProcessId } from '../../platform/process-id.ts';
import { acquire, type LockHolder, readHolder } from '../role/lock.ts';
import { type FreeLockClaim, takeFreeLock } from '../role/take-free-lock.ts';
import { canReport, endReports, type Handoff, hearAsk, report, type Step } from './protocol.ts';

const GRANT_POLL_MS = 2;

export interface Claim extends FreeLockClaim {
  /** What the environment said. Not yet believed. */
  readonly said: Handoff | undefined;
  /** Whether the host can be rehearsed to readiness. */
  readonly canRehearse: boolean;
  /** Of what this process was loaded from. */
  readonly detector: Detector;
  /** Why its fingerprint is not that of the program that runs; null where nothing speaks for that. */
  readonly elsewhere: string | null;
  announce(step: Step): Promise<void>;
}

export interface Claimed {
  /** In a rehearsal, who would hold it. */
  readonly holder: LockHolder;
  /** Undefined where this process replaces nobody: the lock was free. */
  readonly handoff: Handoff | undefined;
}

/**
 * Takes the lock, once it is free or granted. A rehearsal reports, and ends the process, or goes on without the lock.
 * @throws ERR_DISTPRINT_RUNNING where another process holds it; ERR_DISTPRINT_NOT_GRANTED where the predecessor kept it
 */
export async function takeLock(claim: Claim): Promise<Claimed> {
  const { me, lockBase, presence, said, canRehearse, detector, announce } = claim;
  const handoff = said && isGenuine(said, me, lockBase) ? said : undefined;
  const whenRunning = said === undefined ? claim.whenRunning : 'refuse'; // who was told of a hand-off stops nobody
  if (handoff === undefined || handoff.part === 'exec')
    return { holder: await takeFreeLock({ ...claim, whenRunning }), handoff };
  await announce('report');
  const { fingerprint, version } = detector.baseline;
  const goesOn = handoff.part === 'rehearsal' && canRehearse;
  const { started } = me;
  report({ at: 'loaded', started, fingerprint, version, doubt: claim.elsewhere ?? sayDoubt(detector), goesOn });
  if (goesOn || handoff.part === 'replacement') hearAsk();
  if (goesOn) return { holder: { process: me, generation: handoff.generation + 1 }, handoff };
  if (handoff.part === 'rehearsal') process.exit(0);
  const holder = await waitForGrant(handoff, me, lockBase);
  await presence.show();
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
