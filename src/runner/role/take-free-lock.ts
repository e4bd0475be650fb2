/**
 * How a process that replaces nobody takes the lock: where no runner lives that holds it.
 * @module
 */

import { errnoOf } from '../../errors.ts';
import { waitOutForeign } from './liveness.ts';
import { acquire, type LockHolder, readHolder } from './lock.ts';
import type { ProcessId } from './process-id.ts';

interface Claim {
  readonly me: ProcessId;
  readonly lockBase: string;
  readonly stateFile: string;
  log(line: string): void;
}

/** @throws ERR_DISTPRINT_RUNNING where another process holds it; the operating system's errors as they are */
export async function takeFreeLock(claim: Claim): Promise<LockHolder> {
  await waitOutForeign(claim.stateFile, claim.log);
  return acquireOrGoOn(claim);
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
