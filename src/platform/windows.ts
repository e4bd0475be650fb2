/**
 * Windows, which has neither signals nor sessions, and shows nobody's environment.
 * @module
 */

import { spawnSync } from 'node:child_process';
import type { Platform } from './face.ts';
import { holdLiveFile, isLiveFileHeld } from './live-file.ts';
import { listProcesses } from './process-table.ts';

/** With its descendants, where taskkill can: Wine's knows no `/T`, and a Nano Server has none. What Node started without `detached` ends with it anyway. */
function killTree(rootPid: number): void {
  spawnSync('taskkill', ['/PID', String(rootPid), '/T', '/F'], { stdio: 'ignore', timeout: TASKKILL_MS });
  try {
    process.kill(rootPid, 'SIGKILL');
  } catch {
    // it has ended
  }
}

/** A machine under load takes a second. */
const TASKKILL_MS = 10_000;

export const windows: Platform = {
  readStarted: () => undefined,
  readOwnStart: holdLiveFile,
  lives: (_, started) => isLiveFileHeld(started),
  isHidden: () => false,
  readFacts: () => undefined,
  findExecutable: () => null, // Windows lets nobody replace the file of a process that runs; it may be renamed, which Node can't see
  readMachineId: () => undefined,
  hasChildren: () => false, // nobody asks: that is about exec
  isInForeground: () => true,
  pathOfDirectory: () => undefined,
  findManager: async () => undefined,
  findTree: () => [],
  findYoungest: () => undefined,
  listProcesses,
  killTree,
  whyNotFormat: () => null,
  hasAbstractSockets: false,
  clockTickMs: 16, // 64 Hz
  seesWhoAccepts: false,
  isPosix: false,
};
