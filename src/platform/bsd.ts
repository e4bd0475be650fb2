/**
 * FreeBSD, and what else has ps(1): it shows an environment to its own user and to root.
 * @module
 */

import type { Platform } from './face.ts';
import { findInPs, hasChildren, lives, readFacts, readStarted, runPs } from './ps.ts';

export const bsd: Platform = {
  readStarted,
  readOwnStart: () => readStarted(process.pid),
  lives,
  isHidden: () => false,
  readFacts,
  hasChildren,
  pathOfDirectory: () => undefined,
  findManager: async () => undefined,
  findTree: (rootPid, mark) => findInPs(runPs('-e', '-A', '-ww', '-o', 'pid=,ppid=,stat=,command='), rootPid, mark),
  findYoungest: () => undefined,
  killTree: null,
  whyNotFormat: () => null,
  hasAbstractSockets: false,
  seesWhoAccepts: false,
  isPosix: true,
};
