/**
 * Who owns this process: who would notice if it ended, and what they would do then.
 * @module
 */

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isatty } from 'node:tty';
import { promisify } from 'node:util';
import { readStat } from '../role/process-id.ts';
import { doesSupervisordRestart } from './supervisord.ts';
import { findSystemdUnit, type SystemdUnit } from './systemd.ts';

const run = promisify(execFile);

/** `restarts`: whether it would start the process again after an exit with the status in question; null where that can't be told. */
export type Owner =
  | { readonly kind: 'systemd'; readonly unit: SystemdUnit | null }
  | { readonly kind: 'supervisord' | 'pm2' | 'runit' | 's6'; readonly restarts: boolean | null }
  /** PID 1 of a container. */
  | { readonly kind: 'container' }
  | { readonly kind: 'launchd' }
  | { readonly kind: 'terminal' }
  /** A process that waits for this one: a shell, an init of a container, npm. */
  | { readonly kind: 'parent'; readonly name: string }
  | { readonly kind: 'nobody' };

/** @param status the exit status that the question is about */
export async function findOwner(status: number): Promise<Owner> {
  const { env, pid, ppid } = process;
  try {
    const unit = await findSystemdUnit(status);
    if (unit !== undefined) return { kind: 'systemd', unit };
  } catch {
    return { kind: 'systemd', unit: null };
  }
  const parent = readCommand(ppid);
  if (env.SUPERVISOR_PROCESS_NAME !== undefined && parent.includes('supervisord')) {
    return { kind: 'supervisord', restarts: doesSupervisordRestart(status) };
  }
  if (env.pm_id !== undefined && parent.includes('God Daemon')) {
    return { kind: 'pm2', restarts: doesPm2Restart(status) };
  }
  if (readName(ppid) === 'runsv') return { kind: 'runit', restarts: doesRunitRestart() };
  if (readName(ppid) === 's6-supervise') return { kind: 's6', restarts: await doesS6Restart() };
  if (process.platform === 'darwin' && ppid === 1 && env.XPC_SERVICE_NAME !== undefined) return { kind: 'launchd' };
  if (pid === 1) return { kind: 'container' };
  if ([0, 1, 2].some((fd) => isatty(fd))) return { kind: 'terminal' };
  if (isOnItsOwn()) return { kind: 'nobody' };
  return { kind: 'parent', name: `${readName(ppid) ?? 'process'} ${ppid}` };
}

const SESSION = 3; // field 6 of proc_pid_stat(5), counted from the third

/** Whoever starts a process in a session of its own doesn't wait for it: that is what makes a daemon (setsid(2)). */
function isOnItsOwn(): boolean {
  const mine = readStat(process.pid);
  const parents = readStat(process.ppid);
  return mine === undefined || parents === undefined || mine[SESSION] !== parents[SESSION];
}

function doesPm2Restart(status: number): boolean | null {
  const { autorestart, stop_exit_codes: stops } = process.env;
  if (autorestart === undefined) return null;
  return autorestart === 'true' && !(stops ?? '').split(',').includes(String(status));
}

/** `run, want down` for a service that is to run once (runsv(8)). */
function doesRunitRestart(): boolean | null {
  try {
    return !readFileSync(`/proc/${process.ppid}/cwd/supervise/stat`, 'utf8').includes('want');
  } catch {
    return null;
  }
}

async function doesS6Restart(): Promise<boolean | null> {
  try {
    const { stdout } = await run('s6-svstat', ['-o', 'wantedup', `/proc/${process.ppid}/cwd`], { timeout: 5_000 });
    return stdout.trim() === 'true';
  } catch {
    return null;
  }
}

function readName(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function readCommand(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
