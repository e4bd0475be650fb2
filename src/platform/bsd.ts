/**
 * FreeBSD, and what else has ps(1): it shows an environment to its own user and to root.
 * @module
 */

import type { Platform } from './face.ts';
import { findTreeBy, hasChildren, isInForeground, lives, readFacts, readStarted } from './ps.ts';

export const bsd: Platform = {
  readStarted,
  readOwnStart: () => readStarted(process.pid),
  lives,
  isHidden: () => false,
  readFacts,
  findExecutable: () => null, // ps shows a path, and not what became of it
  readMachineId: () => undefined,
  hasChildren,
  isInForeground,
  pathOfDirectory: () => undefined,
  findManager: async () => undefined,
  findTree: findTreeBy('-e'),
  findYoungest: () => undefined,
  listProcesses: null,
  killTree: null,
  whyNotFormat: () => null,
  hasAbstractSockets: false,
  clockTickMs: 10, // at most: 100 to 1000 Hz
  seesWhoAccepts: false,
  isPosix: true,
};
