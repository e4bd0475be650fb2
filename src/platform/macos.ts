/**
 * macOS, where it differs from the BSDs.
 * @module
 */

import { bsd } from './bsd.ts';
import type { Platform } from './face.ts';
import { findInPs, runPs } from './ps.ts';

export const macos: Platform = {
  ...bsd,
  findManager: (env) => (process.ppid === 1 && env.XPC_SERVICE_NAME !== undefined ? 'launchd' : undefined),
  // There `-E` shows the environment, and `-e` is all processes.
  findTree: (rootPid, mark) => findInPs(runPs('-E', '-A', '-ww', '-o', 'pid=,ppid=,stat=,command='), rootPid, mark),
};
