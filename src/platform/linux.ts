/**
 * Linux tells all in /proc (proc(5)).
 * @module
 */

import { errnoOf } from '../errors.ts';
import { whyNotLinuxFormat } from './elf.ts';
import type { Platform, ProcessFacts } from './face.ts';
import {
  getWorld,
  hasEnded,
  hasInEnvironment,
  listChildren,
  listPids,
  readCommandLine,
  readCommandName,
  readLastPid,
  readStat,
} from './proc.ts';

/** The boot ID, the PID namespace and the clock ticks since boot, none of which follows the wall clock. */
function readStarted(pid: number): string | undefined {
  const stat = readStat(pid);
  return stat === undefined || hasEnded(stat.state) ? undefined : `${getWorld()}/${stat.startTicks}`;
}

/** `hidepid=` of proc(5). */
function isHidden(pid: number): boolean {
  if (readStat(pid) !== undefined) return false;
  try {
    process.kill(pid, 0);
    return false; // it has just started
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}

function readFacts(pid: number): ProcessFacts {
  const words = readCommandLine(pid)?.join(' ') ?? '';
  return { command: readCommandName(pid), words, session: readStat(pid)?.session };
}

function findTree(rootPid: number, mark: string): number[] {
  const tree = new Set<number>();
  const add = (pid: number) => {
    const state = tree.has(pid) ? undefined : readStat(pid)?.state;
    if (state === undefined || hasEnded(state)) return;
    tree.add(pid);
    listChildren(pid).forEach(add);
  };
  if (readStat(rootPid)?.parent === process.pid) add(rootPid);
  for (const pid of listPids()) {
    if (pid !== process.pid && !tree.has(pid) && hasInEnvironment(pid, mark)) add(pid);
  }
  return [...tree].sort((a, b) => a - b);
}

function findYoungest(mark: string): number | undefined {
  const pid = Number(readLastPid());
  return pid > 0 && hasInEnvironment(pid, mark) ? pid : undefined;
}

export const linux: Platform = {
  readStarted,
  readOwnStart: () => readStarted(process.pid),
  lives: (pid, started) => readStarted(pid) === started,
  isHidden,
  readFacts,
  hasChildren: () => listChildren('self').some((pid) => readStat(pid)?.state !== 'Z'),
  pathOfDirectory: (pid) => `/proc/${pid}/cwd`,
  findManager: async () => undefined, // systemd is asked itself
  findTree,
  findYoungest,
  listProcesses: null,
  killTree: null,
  whyNotFormat: whyNotLinuxFormat,
  hasAbstractSockets: true,
  clockTickMs: 10, // at most: 100 to 1000 Hz
  seesWhoAccepts: true,
  isPosix: true,
};
