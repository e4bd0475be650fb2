/**
 * Names a process so that a reused PID, a copied file or another PID namespace is never taken for it.
 * @module
 */

import { platform } from './index.ts';
import { getWorld } from './proc.ts';

/** A process, among all that ever had its PID. */
export interface ProcessId {
  readonly pid: number;
  /**
   * When it started: opaque, to be compared only. On Linux the boot ID, the PID namespace and the clock ticks since boot, none of
   * which follows the wall clock; on Windows the path of a file that it holds open (live-file.ts); elsewhere `lstart` of ps(1).
   */
  readonly started: string;
}

export const isSameProcess = (a: ProcessId, b: ProcessId): boolean => a.pid === b.pid && a.started === b.started;

/** The process that has this PID now. Undefined where none has, or only a zombie, and on Windows. */
export function identify(pid: number): ProcessId | undefined {
  const started = platform.readStarted(pid);
  return started === undefined ? undefined : { pid, started };
}

/** This process, as the lock at `base` is to name it. Undefined where that can't be done. */
export function identifySelf(base: string): ProcessId | undefined {
  const started = platform.readOwnStart(base);
  return started === undefined ? undefined : { pid: process.pid, started };
}

/** Whether that very process is still there. A stopped one is. */
export const isAlive = ({ pid, started }: ProcessId): boolean => platform.lives(pid, started);

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
