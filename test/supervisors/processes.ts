/** All processes of the machine, those in other PID namespaces too, by the PIDs that are seen from here. */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { readStat } from '../../src/platform/proc.ts';

export interface Seen {
  readonly pid: number;
  readonly name: string;
  readonly isZombie: boolean;
}

/** Who works in this folder: a runner does in its operator's, and so do its children. With them, those that ended and were not waited for. */
export function processesIn(folder: string): Seen[] {
  const pids = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  const own = new Set(pids.filter((pid) => `${cwdOf(pid)}/`.startsWith(`${folder}/`)));
  const seen: Seen[] = [];
  for (const pid of pids) {
    const stat = readStat(pid);
    const isZombie = stat?.state === 'Z';
    if (own.has(pid) || (isZombie && own.has(stat.parent))) seen.push({ pid, name: nameOf(pid), isZombie });
  }
  return seen;
}

/** The children of a process. */
export function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}

export const isThere = (pid: number): boolean => readStat(pid) !== undefined && readStat(pid)?.state !== 'Z';

/** Ends it, if it still is there. */
export function end(pid: number | undefined, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    if (pid !== undefined) process.kill(pid, signal);
  } catch {
    // it has ended
  }
}

function cwdOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}
