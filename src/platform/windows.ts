/**
 * Windows, which has neither signals nor sessions, and shows nobody's environment.
 * @module
 */

import { spawnSync } from 'node:child_process';
import type { Platform } from './face.ts';
import { holdLiveFile, isLiveFileHeld } from './live-file.ts';

export const windows: Platform = {
  readStarted: () => undefined,
  readOwnStart: holdLiveFile,
  lives: (_, started) => isLiveFileHeld(started),
  isHidden: () => false,
  readFacts: () => undefined,
  pathOfDirectory: () => undefined,
  findManager: async () => undefined,
  findTree: () => [],
  findYoungest: () => undefined,
  killTree: (rootPid) => void spawnSync('taskkill', ['/PID', String(rootPid), '/T', '/F'], { stdio: 'ignore' }),
  whyNotFormat: () => null,
  hasAbstractSockets: false,
  seesWhoAccepts: false,
  isPosix: false,
};
