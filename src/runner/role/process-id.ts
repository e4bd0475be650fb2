/**
 * Names a process so that a reused PID, a copied file or another PID namespace is never taken for it.
 * @module
 */

import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';

/** A process, among all that ever had its PID. */
export interface ProcessId {
  readonly pid: number;
  /**
   * When it started. Opaque, to be compared only. On Linux: boot ID, PID namespace and clock ticks since boot, none of which
   * follows the wall clock (proc_pid_stat(5), field 22; pid_namespaces(7)). Elsewhere: `lstart` of ps(1).
   */
  readonly started: string;
}

export const isSameProcess = (a: ProcessId, b: ProcessId): boolean => a.pid === b.pid && a.started === b.started;

/** The process that has this PID now; undefined where none has, or only one that has ended and was not waited for (a zombie). */
export function identify(pid: number): ProcessId | undefined {
  const started = process.platform === 'linux' ? startedOnLinux(pid) : startedByPs(pid);
  return started === undefined ? undefined : { pid, started };
}

/** Whether that very process is still there. A stopped one is. */
export function isAlive(known: ProcessId): boolean {
  const now = identify(known.pid);
  return now !== undefined && isSameProcess(now, known);
}

/** Of /proc/PID/stat, the fields behind the command's name, which may itself contain spaces and parentheses; the first is the state. */
export function readStat(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined; // it has ended
  }
}

const START_TIME = 19; // field 22, counted from the third

function startedOnLinux(pid: number): string | undefined {
  const stat = readStat(pid);
  if (stat === undefined || stat[0] === 'Z' || stat[0] === 'X') return undefined;
  return `${worldOnLinux()}/${stat[START_TIME]}`;
}

let world: string | undefined;

/** Where a PID and its ticks mean anything: this boot of this machine, and this PID namespace. */
function worldOnLinux(): string {
  world ??= [readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(), readlinkSync('/proc/self/ns/pid')].join(
    '/',
  );
  return world;
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
