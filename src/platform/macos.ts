/**
 * macOS, where it differs from the BSDs.
 * @module
 */

import { bsd } from './bsd.ts';
import type { Platform } from './face.ts';
import { findLaunchdJob } from './launchd.ts';
import { findInPs, runPs } from './ps.ts';

export const macos: Platform = {
  ...bsd,
  findManager: findLaunchdJob,
  // There `-E` shows the environment, and `-e` is all processes.
  findTree: (rootPid, mark) => findInPs(runPs('-E', '-A', '-ww', '-o', 'pid=,ppid=,stat=,command='), rootPid, mark),
};
