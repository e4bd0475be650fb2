/**
 * The new process's side of the protocol: from its claim to the role.
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises';
import type { Detector } from '../../change/detector.ts';
import { DistprintError, errnoOf } from '../../errors.ts';
import { claim, type Owner, readOwner } from '../role/lock.ts';
import { isAlive, isSameProcess, type ProcessId } from '../role/process-id.ts';
import { canReport, endReports, type Handoff, report, type Step } from './protocol.ts';

const GRANT_POLL_MS = 2;

export interface Claim {
  readonly me: ProcessId;
  readonly lockBase: string;
  /** What the predecessor said, if anybody did; not yet believed. */
  readonly said: Handoff | undefined;
  /** Of what this process was loaded from. */
  readonly detector: Detector;
  announce(step: Step): Promise<void>;
  log(line: string): void;
}

export interface Role {
  readonly owner: Owner;
  /** By which it came to the role; undefined where it simply was free. */
  readonly handoff: Handoff | undefined;
}

/**
 * Takes the role, once it is free or granted. In a rehearsal, reports and ends the process.
 * @throws ERR_DISTPRINT_RUNNING where another process has it
 */
export async function takeRole(claiming: Claim): Promise<Role> {
  const { me, lockBase, said, detector, announce } = claiming;
  const handoff = said && isGenuine(said, me, lockBase) ? said : undefined;
  if (handoff === undefined || handoff.role === 'exec') return { owner: claimOrGoOn(claiming), handoff };
  await announce('report');
  const { fingerprint, version } = detector.baseline;
  report({ at: 'claim', fingerprint, version, doubt: sayDoubt(detector) });
  if (handoff.role === 'rehearsal') process.exit(0);
  const owner = await waitForGrant(handoff, me, lockBase);
  await announce('granted');
  return { owner, handoff };
}

/** Tells the predecessor that this process serves, and a little later that it still does. */
export async function prove({ proveMs }: Handoff): Promise<void> {
  report({ at: 'ready' });
  await delay(proveMs);
  report({ at: 'alive' });
  endReports();
}

/**
 * An environment variable convinces nobody: who is named in it must be our parent, who hears us; or, where the parent has ended, own the lock
 * still; or be ourselves before exec. What a living parent says doesn't hang on the lock: its folder may have been deleted since, and
 * a rehearsal that then took itself for an ordinary start would claim the role.
 */
function isGenuine({ role, from, generation }: Handoff, me: ProcessId, lockBase: string): boolean {
  if (role !== 'exec' && !canReport()) return false;
  if (role !== 'exec' && process.ppid === from.pid && isAlive(from)) return true;
  const owner = readOwner(lockBase);
  if (owner === undefined || owner.generation !== generation || !isSameProcess(owner.process, from)) return false;
  return role === 'exec' ? isSameProcess(from, me) : !isAlive(from);
}

function sayDoubt(detector: Detector): string | null {
  const { verdict, reason } = detector.checkSync();
  return verdict === 'current' ? null : (reason ?? `what is installed is ${verdict}`);
}

/** Where the predecessor dies first, this process is who is left, and takes the role by itself. */
async function waitForGrant({ from, grantMs }: Handoff, me: ProcessId, lockBase: string): Promise<Owner> {
  const deadlineMs = performance.now() + 2 * grantMs;
  for (;;) {
    const owner = readOwner(lockBase);
    if (owner !== undefined && isSameProcess(owner.process, me)) return owner;
    if (!isAlive(from)) return claim(lockBase, me);
    if (performance.now() > deadlineMs) {
      const message = `process ${from.pid} keeps the role: it granted nothing within ${2 * grantMs} ms`;
      throw new DistprintError('ERR_DISTPRINT_RUNNING', message, { path: lockBase });
    }
    await delay(GRANT_POLL_MS);
  }
}

/** A disk that is full or read-only is no reason to be offline: where nobody else is known to have the role, it is taken without a record. */
function claimOrGoOn({ lockBase, me, log }: Claim): Owner {
  try {
    return claim(lockBase, me);
  } catch (error) {
    if (!DISK_TROUBLE.has(errnoOf(error) ?? '')) throw error;
    log(`the role can't be recorded at ${lockBase}: ${(error as Error).message}; going on without`);
    return { process: me, generation: (readOwner(lockBase)?.generation ?? 0) + 1 };
  }
}

/** ENOENT is what Node's `mkdir` says of a folder that is to be made on a read-only disk. */
const DISK_TROUBLE = new Set(['ENOSPC', 'EROFS', 'EDQUOT', 'EIO', 'ENOENT']);
