/**
 * Names a process so that a reused PID, a copied file or another PID namespace is never taken for it.
 * @module
 */

import { execFileSync } from 'node:child_process';
import { errnoOf } from '../../errors.ts';
import { readStat, readWorld } from './proc.ts';

/** A process, among all that ever had its PID. */
export interface ProcessId {
  readonly pid: number;
  /**
   * When it started: opaque, to be compared only. On Linux the boot ID, the PID namespace and the clock ticks since boot, none of
   * which follows the wall clock; elsewhere `lstart` of ps(1).
   */
  readonly started: string;
}

export const isSameProcess = (a: ProcessId, b: ProcessId): boolean => a.pid === b.pid && a.started === b.started;

/** The process that has this PID now. Undefined where none has, or only a zombie. */
export function identify(pid: number): ProcessId | undefined {
  const started = process.platform === 'linux' ? startedOnLinux(pid) : startedByPs(pid);
  return started === undefined ? undefined : { pid, started };
}

/** Whether that very process is still there. A stopped one is. */
export function isAlive(known: ProcessId): boolean {
  const now = identify(known.pid);
  return now !== undefined && isSameProcess(now, known);
}

/** Whether this user may not look at the process that has this PID (`hidepid=` of proc(5)): which one it is can't be told. */
export function isHidden(pid: number): boolean {
  if (process.platform !== 'linux' || readStat(pid) !== undefined) return false;
  try {
    process.kill(pid, 0);
    return false; // it has just started
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}

/** Whether it is of another boot, machine or PID namespace: whether it lives can't be told by its PID here. */
export function isForeign({ started }: ProcessId): boolean {
  const theirs = /^[\da-f-]{36}\/pid:\[\d+\](?=\/\d+$)/.exec(started)?.[0];
  const ours = getWorld();
  return theirs !== undefined && ours !== undefined && theirs !== ours;
}

/** Whether it started on this machine, since its last boot. */
export function isOfThisBoot({ started }: ProcessId): boolean {
  const ours = getWorld();
  return ours !== undefined && started.startsWith(ours.slice(0, BOOT_ID_LENGTH + 1));
}

const BOOT_ID_LENGTH = 36;

/** Whether this process is in a PID namespace of its own. The first one's number is fixed (PROC_PID_INIT_INO in the kernel's proc_ns.h). */
export function isInContainer(): boolean {
  const ours = getWorld();
  return ours !== undefined && !ours.endsWith('pid:[4026531836]');
}

let world: string | undefined;

/** Boot ID and PID namespace: neither changes. */
function getWorld(): string | undefined {
  world ??= readWorld();
  return world;
}

function startedOnLinux(pid: number): string | undefined {
  const stat = readStat(pid);
  if (stat === undefined || stat.state === 'Z' || stat.state === 'X') return undefined;
  return `${getWorld()}/${stat.startTicks}`;
}

function startedByPs(pid: number): string | undefined {
  try {
    const options = { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' }, stdio: 'pipe' } as const;
    const [state = '', ...started] = execFileSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], options)
      .trim()
      .split(/\s+/);
    return state === '' || state.startsWith('Z') ? undefined : started.join(' ');
  } catch {
    return undefined; // ps exits with 1 where there is none
  }
}
