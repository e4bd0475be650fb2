/**
 * Whether the executable of a process is still what is at its path. A runtime that was replaced under it, or removed with its version
 * manager's folder, is no new release, but the operator should know.
 * @module
 */

import { statSync } from 'node:fs';
import { showPlace, writePath } from '../../disk/raw-path.ts';
import { type Reading, readFile } from '../../disk/read-file.ts';
import { platform } from '../../platform/index.ts';
import { isAlive, isForeign, type ProcessId } from '../../platform/process-id.ts';
import { runSync } from '../../steps.ts';

/** The executable that a process runs. */
export interface ExecutableStatus {
  /** Where it was started from, as a written path. */
  readonly path: string;
  /** What is there now: the same bytes, others, or nothing. */
  readonly state: 'installed' | 'replaced' | 'deleted';
}

/** Null where it can't be known: it has ended, is of another machine or PID namespace or user, or this is not Linux. */
export function lookAtExecutable(running: ProcessId): ExecutableStatus | null {
  if (isForeign(running) || !isAlive(running)) return null;
  const found = platform.findExecutable(running.pid);
  if (found === null || !isAlive(running)) return null; // the PID may be another's by now
  const path = writePath(found.path);
  if (found.isSame) return { path, state: 'installed' };
  if (found.installed === null) return { path, state: 'deleted' };
  const isEqual = areEqual(found.kept, found.installed);
  return isEqual === null ? null : { path, state: isEqual ? 'installed' : 'replaced' };
}

/** A reinstall of the same runtime is no other one. Null where one can't be read. */
function areEqual(kept: string, installed: Buffer): boolean | null {
  try {
    if (statSync(kept).size !== statSync(installed).size) return false;
    const [a, b] = [kept, installed].map((at): Reading => runSync(readFile(at, showPlace(at))));
    return a?.digest === b?.digest;
  } catch {
    return null;
  }
}
