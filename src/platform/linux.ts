/**
 * Linux tells all in /proc (proc(5)).
 * @module
 */

import { type BigIntStats, readFileSync, readlinkSync, statSync } from 'node:fs';
import { errnoOf, leadsNowhere } from '../errors.ts';
import { whyNotLinuxFormat } from './elf.ts';
import type { Platform, ProcessFacts, RunningExecutable } from './face.ts';
import {
  getWorld,
  hasEnded,
  hasInEnvironment,
  listChildren,
  listPids,
  orUndefined,
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

function statOrNothing(at: Buffer): BigIntStats | undefined {
  try {
    return statSync(at, { bigint: true });
  } catch (error) {
    if (leadsNowhere(error)) return undefined;
    throw error;
  }
}

/**
 * Linux keeps the file that runs, and adds ` (deleted)` to its path once that has another file or none (proc_pid_exe(5)). Null also where
 * it has no path (memfd_create(2)), or nothing is there that Linux says was not deleted: a file system was mounted over it, say.
 */
function findExecutable(pid: number): RunningExecutable | null {
  const found = orUndefined(() => {
    const kept = `/proc/${pid}/exe`;
    const link = readlinkSync(kept, 'latin1');
    const root = readlinkSync(`/proc/${pid}/root`, 'latin1').replace(/\/$/, ''); // of a process in a chroot, a part of the path
    const running = statSync(kept, { bigint: true });
    const lookAt = (path: string) => {
      if (!path.startsWith(`${root}/`)) return null;
      const installed = Buffer.from(`/proc/${pid}/root${path.slice(root.length)}`, 'latin1');
      const stats = statOrNothing(installed);
      const isSame = stats !== undefined && stats.dev === running.dev && stats.ino === running.ino;
      return { path, kept, installed: stats === undefined ? null : installed, isSame };
    };
    const asNamed = lookAt(link); // a file may really be named so
    if (asNamed?.isSame) return asNamed;
    const path = link.replace(/ \(deleted\)$/, '');
    if (path === link) return asNamed?.installed ? asNamed : null;
    return path.startsWith('/memfd:') ? null : lookAt(path);
  });
  return found ?? null;
}

function isInForeground(): boolean {
  const found = readStat('self');
  return found === undefined || found.group === found.foreground;
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
  findExecutable,
  readMachineId: () => orUndefined(() => readFileSync('/etc/machine-id', 'latin1').trim() || undefined),
  hasChildren: () => listChildren('self').some((pid) => readStat(pid)?.state !== 'Z'),
  isInForeground,
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
