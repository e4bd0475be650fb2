/**
 * After exec nobody is left to see whether the new code gets ready.
 * @module
 */

import type { Running } from './running.ts';
import { findSupervisor } from './supervisor/find-supervisor.ts';
import { doesRestart } from './supervisor/strategy.ts';

/** Ends a process that is not ready in time, where a supervisor is known to start it again. */
export function expectReady(running: Running): void {
  const { readyTimeoutMs, exitStatus, log } = running.settings;
  const isOver = () => running.situation.ready || running.stopped.signal.aborted;
  const judge = async () => {
    if (isOver()) return;
    const supervisor = await findSupervisor(exitStatus);
    if (isOver()) return;
    const late = `not ready ${readyTimeoutMs} ms after the exec`;
    if (doesRestart(supervisor) !== true) {
      log(`${late}; nobody is known to start this process again, so it stays: see why it hangs, and restart it`);
      return;
    }
    log(`${late}; ending with exit status ${exitStatus}, so that ${supervisor.kind} starts it again`);
    process.exit(exitStatus);
  };
  setTimeout(() => void judge(), readyTimeoutMs).unref();
}
