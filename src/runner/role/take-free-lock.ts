/**
 * How a process that replaces nobody takes the lock: where no runner lives that holds it.
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises';
import { DistprintError, errnoOf } from '../../errors.ts';
import { isAlive, isSameProcess, type ProcessId } from '../../platform/process-id.ts';
import { waitOutForeign } from './liveness.ts';
import { acquire, assertFree, type LockHolder, readHolder } from './lock.ts';
import type { Presence } from './presence.ts';
import { isRunnerRunningInstalledVersion } from './status.ts';

/** What to do about a runner that runs. `replace` stops one that stays on other code. */
export type WhenRunning = 'refuse' | 'replace';

export interface FreeLockClaim {
  readonly me: ProcessId;
  readonly lockBase: string;
  readonly stateFile: string;
  readonly presence: Presence;
  readonly whenRunning: WhenRunning;
  /** For how long one that is stopped may go on. */
  readonly hookTimeoutMs: number;
  log(line: string): void;
}

/** @throws ERR_DISTPRINT_RUNNING where another process holds it; the operating system's errors as they are */
export async function takeFreeLock(claim: FreeLockClaim): Promise<LockHolder> {
  await waitOutForeign(claim.stateFile, claim.log);
  if (claim.whenRunning === 'replace') await stopOld(claim);
  assertFree(claim.lockBase, claim.me);
  await claim.presence.show(); // first: of two that find no lock, at least one sees the other
  try {
    assertAlone(claim);
    return acquireOrGoOn(claim);
  } catch (error) {
    claim.presence.hide();
    throw error;
  }
}

/** One that runs what is installed, or moves to it, is left alone. */
async function stopOld({ stateFile, lockBase, me, hookTimeoutMs, log }: FreeLockClaim): Promise<void> {
  const holder = readHolder(lockBase);
  if (holder === undefined || isSameProcess(holder.process, me) || !isAlive(holder.process)) return;
  if (isRunnerRunningInstalledVersion({ stateFile })) return;
  const { pid } = holder.process;
  log(`process ${pid} is a runner that stays on other code; it is stopped`);
  const deadlineMs = performance.now() + hookTimeoutMs;
  try {
    process.kill(pid, 'SIGTERM');
  } catch {
    // it has ended, or belongs to another user: then it is refused below
  }
  while (isAlive(holder.process) && performance.now() < deadlineMs) await delay(STOP_POLL_MS);
}

const STOP_POLL_MS = 20;

/** A runner may live that no file names: its folder was deleted, or is read-only. */
function assertAlone({ presence, lockBase }: FreeLockClaim): void {
  const other = presence.findOther();
  if (other === undefined) return;
  const message = `another runner lives: process ${other} serves for ${lockBase}, though no file there says so yet`;
  throw new DistprintError('ERR_DISTPRINT_RUNNING', message, { path: lockBase });
}

/** A full or read-only disk is no reason to be offline: where no other holder is known, we serve without a record. */
function acquireOrGoOn({ lockBase, me, log }: FreeLockClaim): LockHolder {
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
