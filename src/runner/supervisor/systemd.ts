/**
 * Asks systemd about the unit whose main process this is, and makes it follow another main process.
 * Sources: systemd.exec(5), systemd.service(5), sd_notify(3), of version 252.
 * @module
 */

import { execFile, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { readCgroups } from '../../platform/proc.ts';

const run = promisify(execFile);
const TIMEOUT_MS = 5_000;
const POLL_MS = 20;

export interface SystemdUnit {
  readonly unit: string;
  /** Whether it belongs to a user's service manager. */
  readonly ofUser: boolean;
  readonly mainPid: number;
  /** Whether systemd starts it again after an exit with the status in question. */
  readonly restarts: boolean;
  /** `Restart=`, for people. */
  readonly restart: string;
  /** How systemd can be made to follow another main process. */
  readonly adoption: 'notify' | 'pidfile' | null;
  readonly pidFile: string | null;
}

/**
 * The unit whose main process this is.
 * @param status the exit status that `restarts` is about
 * @throws where there is a unit, but it can't be asked about
 */
export async function findSystemdUnit(
  status: number,
  env: NodeJS.ProcessEnv = process.env,
): Promise<SystemdUnit | undefined> {
  // Children inherit the variable with the number of another process, and before systemd 248 there was none.
  // So it only tells that asking is worth while.
  if (env.SYSTEMD_EXEC_PID === undefined && env.INVOCATION_ID === undefined) return undefined;
  const cgroup = readCgroup();
  const unit = cgroup?.match(/\/([^/]+\.service)$/)?.[1];
  if (cgroup === undefined || unit === undefined) return undefined;
  const ofUser = /\/user@\d+\.service\/.*\.service$/.test(cgroup);
  const found = toUnit(unit, ofUser, await show(unit, ofUser), status);
  return found.mainPid === process.pid ? found : undefined;
}

const PROPERTIES = [
  'MainPID',
  'Restart',
  'NotifyAccess',
  'PIDFile',
  'SuccessExitStatus',
  'RestartPreventExitStatus',
  'RestartForceExitStatus',
];

async function show(unit: string, ofUser: boolean): Promise<Map<string, string>> {
  const words = [...(ofUser ? ['--user'] : []), 'show', unit, '-p', PROPERTIES.join(',')];
  const { stdout } = await run('systemctl', words, { timeout: TIMEOUT_MS });
  return new Map(
    stdout.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

/** From what `systemctl show` says. */
export function toUnit(
  unit: string,
  ofUser: boolean,
  properties: ReadonlyMap<string, string>,
  status: number,
): SystemdUnit {
  const get = (name: string) => properties.get(name) ?? '';
  const lists = (name: string) => get(name).split(/\s+/).includes(String(status));
  const restart = get('Restart');
  const onEnd = status === 0 || lists('SuccessExitStatus') ? 'on-success' : 'on-failure';
  const isWanted = lists('RestartForceExitStatus') || restart === 'always' || restart === onEnd;
  const restarts = isWanted && !lists('RestartPreventExitStatus');
  // systemd-notify speaks for its parent only where it is privileged; else it needs NotifyAccess=all (systemd-notify(1)).
  const access = get('NotifyAccess');
  const notifies = access === 'all' || ((access === 'main' || access === 'exec') && process.getuid?.() === 0);
  const pidFile = get('PIDFile') || null;
  const adoption = notifies ? 'notify' : pidFile === null ? null : 'pidfile';
  return { unit, ofUser, mainPid: Number(get('MainPID')), restarts, restart, adoption, pidFile };
}

/** The path in systemd's own hierarchy, version 1 or 2. */
function readCgroup(): string | undefined {
  const lines = readCgroups('self')?.split('\n') ?? [];
  const line = lines.find((each) => each.includes(':name=systemd:')) ?? lines.find((each) => each.startsWith('0::'));
  return line?.slice(line.indexOf(':', line.indexOf(':') + 1) + 1);
}

/**
 * Makes the unit follow `pid` as its main process. With `NotifyAccess=` systemd confirms it. A `PIDFile=` is read only when the main
 * process ends; so there we check what systemd will check: the file holds the PID, and the process is in the unit's cgroup.
 * @throws where it is not confirmed within 5 s
 */
export async function adopt(unit: SystemdUnit, pid: number): Promise<void> {
  if (unit.adoption === 'pidfile') return writePidFile(unit, pid);
  await notify(`MAINPID=${pid}`);
  await untilFollowed(unit, pid);
}

async function untilFollowed({ unit, ofUser }: SystemdUnit, pid: number): Promise<void> {
  const deadlineMs = performance.now() + TIMEOUT_MS;
  for (;;) {
    const mainPid = Number((await show(unit, ofUser)).get('MainPID'));
    if (mainPid === pid) return;
    if (performance.now() > deadlineMs) throw new Error(`${unit} still follows process ${mainPid} instead of ${pid}`);
    await delay(POLL_MS);
  }
}

/** Ends with a failure, so that systemd acts where the process that it names is gone. */
const STAND_IN = 'read -r _; systemd-notify "MAINPID=$1"; exit 1';

/**
 * Has systemd see that this process, which its predecessor had adopted, is systemd's own child by now. A stop waits for no main process that was
 * somebody else's child when it was named: SIGKILL follows SIGTERM at once (`unit_kill_context` in systemd's unit.c). To name the same
 * process again changes nothing, so another one is named in between.
 * @throws where it is not confirmed within 5 s
 */
export async function becomeChild(unit: SystemdUnit): Promise<void> {
  const words = ['-c', STAND_IN, 'sh', String(process.pid)];
  const standIn = spawn('/bin/sh', words, { stdio: ['pipe', 'ignore', 'ignore'] });
  const ended = new Promise((resolve) => standIn.once('exit', resolve).once('error', resolve));
  try {
    if (standIn.pid !== undefined) await adopt(unit, standIn.pid);
  } finally {
    standIn.stdin.end();
    await ended;
  }
  await untilFollowed(unit, process.pid);
}

function writePidFile({ unit, pidFile }: SystemdUnit, pid: number): void {
  if (pidFile === null) throw new Error(`${unit} has no PIDFile=`);
  if (readCgroups(pid) !== readCgroups('self')) throw new Error(`process ${pid} is not in the cgroup of ${unit}`);
  writeFileSync(pidFile, `${pid}\n`);
}

/** Tells the service manager, where one listens: `READY=1`, say. @throws where that fails */
export async function notify(...assignments: string[]): Promise<void> {
  if (process.env.NOTIFY_SOCKET === undefined) return;
  await run('systemd-notify', assignments, { timeout: TIMEOUT_MS });
}
