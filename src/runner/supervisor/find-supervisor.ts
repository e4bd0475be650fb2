/**
 * Finds the supervisor of this process: who would notice its end, and what they would do then.
 * @module
 */

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isatty } from 'node:tty';
import { promisify } from 'node:util';
import { platform } from '../../platform/index.ts';
import type { LaunchdJob } from '../../platform/launchd.ts';
import { type Parent, readParent } from './parent.ts';
import { doesSupervisordRestart } from './supervisord.ts';
import { findSystemdUnit, type SystemdUnit } from './systemd.ts';

const run = promisify(execFile);

/** `restarts`: whether it starts the process again after an exit with the status in question; null where that can't be told. */
export type Supervisor =
  | { readonly kind: 'systemd'; readonly unit: SystemdUnit | null }
  | { readonly kind: 'supervisord' | 'pm2' | 'runit' | 's6' | 'openrc'; readonly restarts: boolean | null }
  | LaunchdJob
  /** This process is PID 1 of a container. */
  | { readonly kind: 'container' }
  | { readonly kind: 'terminal' }
  /** A process that waits for this one: a shell, an init of a container, npm. */
  | { readonly kind: 'parent'; readonly name: string }
  /** Windows does not show who waits for this process. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'nobody' };

/**
 * @param status the exit status that the question is about
 * @param leaving the PID of a process that is about to end: as the parent, it waits for nobody
 */
export async function findSupervisor(status: number, leaving?: number): Promise<Supervisor> {
  const { env, pid, ppid } = process;
  try {
    const unit = await findSystemdUnit(status);
    if (unit !== undefined) return { kind: 'systemd', unit };
  } catch {
    return { kind: 'systemd', unit: null };
  }
  const parent = readParent();
  const known = parent.isFoster ? undefined : await findKnown(parent, status);
  if (known !== undefined) return known;
  const manager = await platform.findManager(env, status);
  if (manager !== undefined) return manager;
  if (pid === 1) return { kind: 'container' };
  if ([0, 1, 2].some((fd) => isatty(fd))) return { kind: 'terminal' };
  if (!platform.isPosix) return { kind: 'unknown' };
  return parent.waits && ppid !== leaving ? { kind: 'parent', name: parent.name } : { kind: 'nobody' };
}

/** The supervisors that are known by the parent. */
async function findKnown({ command, words }: Parent, status: number): Promise<Supervisor | undefined> {
  const { env } = process;
  if (env.SUPERVISOR_PROCESS_NAME !== undefined && words.includes('supervisord')) {
    return { kind: 'supervisord', restarts: doesSupervisordRestart(status) };
  }
  if (env.pm_id !== undefined && words.includes('God Daemon')) return { kind: 'pm2', restarts: doesPm2Restart(status) };
  if (command === 'runsv') return { kind: 'runit', restarts: doesRunitRestart() };
  if (command === 's6-supervise') return { kind: 's6', restarts: await doesS6Restart() };
  if (command === 'supervise-daemo') return { kind: 'openrc', restarts: doesOpenrcRestart(words) };
  return undefined;
}

function doesPm2Restart(status: number): boolean | null {
  const { autorestart, stop_exit_codes: stops } = process.env;
  if (autorestart === undefined) return null;
  return autorestart === 'true' && !(stops ?? '').split(',').includes(String(status));
}

/** `run, want down` says that the service is to run once (runsv(8)). */
function doesRunitRestart(): boolean | null {
  try {
    return !readFileSync(`${platform.pathOfDirectory(process.ppid)}/supervise/stat`, 'utf8').includes('want');
  } catch {
    return null;
  }
}

async function doesS6Restart(): Promise<boolean | null> {
  try {
    const folder = platform.pathOfDirectory(process.ppid);
    if (folder === undefined) return null;
    const { stdout } = await run('s6-svstat', ['-o', 'wantedup', folder], { timeout: 5_000 });
    return stdout.trim() === 'true';
  } catch {
    return null;
  }
}

/** Whatever the status; but after `--respawn-max` restarts in all, 10 by default, it gives up (supervise-daemon(8)). */
function doesOpenrcRestart(words: string): boolean | null {
  const [options = ''] = words.split(' -- ');
  return /(?: --respawn-period| -P| --respawn-max[ =]0| -m ?0)(?: |$)/.test(options) ? true : null;
}
