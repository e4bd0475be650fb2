/**
 * Decides which way to new code is safe, and why. Pure.
 * @module
 */

import type { Supervisor } from './find-supervisor.ts';

/**
 * - `exec`: the process becomes the new code in place, after a rehearsal; the PID stays
 * - `respawn`: the process starts a replacement, sees it serve, and leaves
 * - `exit`: after a rehearsal, the process leaves with a status after which its supervisor starts the new code
 * - `none`: the process stays on the old code, and says so
 */
export type Strategy = 'exec' | 'respawn' | 'exit' | 'none';
export const STRATEGIES: readonly Strategy[] = ['exec', 'respawn', 'exit', 'none'];

export interface Facts {
  readonly supervisor: Supervisor;
  /** Why this process can't become the new code in place. Null where it can. */
  readonly execBlocker: string | null;
  /** Whether another runtime could, on this platform. Default true. */
  readonly hasExec?: boolean;
  /** Whether this process has children that nobody would wait for after exec. */
  readonly leavesZombies: boolean;
  /** The exit status of strategy `exit`. */
  readonly exitStatus: number;
}

/** How the runner would move to new code, and why. */
export interface Decision {
  readonly strategy: Strategy;
  readonly supervisor: Supervisor['kind'];
  /** For people, in the order considered. */
  readonly reasons: readonly string[];
  /** With `none`: what the operator can do. */
  readonly advice: string | null;
}

const NEWER_RUNTIME = 'run it on Node >= 22.15 or Bun, which can replace the code in place';

export function decideStrategy(wanted: Strategy | 'auto', facts: Facts): Decision {
  const { supervisor, execBlocker } = facts;
  const respawn = canRespawn(supervisor);
  const exit = canExit(facts);
  const decide = (strategy: Strategy, ...reasons: string[]): Decision => ({
    strategy,
    supervisor: supervisor.kind,
    reasons: [saySupervisor(supervisor), ...reasons],
    advice: strategy === 'none' && wanted !== 'none' ? toAdvice(supervisor, facts.hasExec ?? true) : null,
  });

  if (wanted === 'none') return decide('none', 'strategy none was asked for');
  if (wanted === 'exec')
    return execBlocker === null ? decide('exec', 'strategy exec was asked for') : decide('none', execBlocker);
  if (wanted === 'respawn') {
    return respawn.safe === false
      ? decide('none', respawn.why)
      : decide('respawn', 'strategy respawn was asked for', respawn.why);
  }
  if (wanted === 'exit') {
    return exit.safe === false ? decide('none', exit.why) : decide('exit', 'strategy exit was asked for', exit.why);
  }
  // The old process is the best way back if the new code fails: where it may, it outlives the start.
  if (respawn.safe === true) return decide('respawn', respawn.why);
  // systemd would end the children together with the main process.
  const isExitBetter = facts.leavesZombies && exit.safe === true && supervisor.kind !== 'systemd';
  const noExec = execBlocker ?? (isExitBetter ? 'after exec nobody would wait for the children that it has' : null);
  if (noExec === null)
    return decide('exec', 'the runtime can replace the code in place, and the supervisor sees the same process');
  if (exit.safe === true) return decide('exit', noExec, respawn.why, exit.why);
  return decide('none', noExec, respawn.why, exit.why);
}

interface Option {
  /** null where it can't be told. */
  safe: boolean | null;
  why: string;
}

function canRespawn(supervisor: Supervisor): Option {
  switch (supervisor.kind) {
    case 'nobody':
      return { safe: true, why: 'nobody waits for this process, so another may take its place once it is proven' };
    case 'systemd':
      if (supervisor.unit?.adoption === 'notify')
        return { safe: true, why: 'NotifyAccess= lets systemd follow a replacement' };
      if (supervisor.unit?.adoption === 'pidfile')
        return { safe: true, why: 'PIDFile= lets systemd follow a replacement' };
      return { safe: false, why: 'systemd would kill a replacement together with this process' };
    case 'terminal':
      return { safe: false, why: 'a replacement would leave the terminal' };
    case 'container':
      return { safe: false, why: 'the container ends with this process' };
    case 'unknown':
      return { safe: null, why: 'a service manager or a task may wait for this process, and would see its end' };
    case 'parent':
      return { safe: null, why: `${supervisor.name} may wait for this process, and would see its end` };
    default:
      return { safe: false, why: `${supervisor.kind} would not know a replacement` };
  }
}

function canExit({ supervisor, exitStatus }: Facts): Option {
  const restarts = doesRestart(supervisor);
  if (restarts === true)
    return { safe: true, why: `${supervisor.kind} starts it again after exit status ${exitStatus}` };
  if (restarts === null) return { safe: null, why: `it can't be told whether ${supervisor.kind} would start it again` };
  return { safe: false, why: `nobody would start it again after exit status ${exitStatus}` };
}

/** Whether it starts the process again after the exit status that it was asked about. Null where that can't be told. */
export function doesRestart(supervisor: Supervisor): boolean | null {
  if (supervisor.kind === 'systemd') return supervisor.unit === null ? null : supervisor.unit.restarts;
  if ('restarts' in supervisor) return supervisor.restarts;
  return supervisor.kind === 'nobody' || supervisor.kind === 'terminal' ? false : null;
}

/** Milliseconds that it must still run before it may `exit`, or launchd would leave it offline until then. */
export const restBeforeExit = (supervisor: Supervisor, ranMs: number): number =>
  supervisor.kind === 'launchd' ? Math.max(0, supervisor.minimumRunMs - ranMs) : 0;

function saySupervisor(supervisor: Supervisor): string {
  switch (supervisor.kind) {
    case 'systemd':
      return supervisor.unit === null
        ? 'systemd supervises this process, but its unit could not be asked about (systemctl show)'
        : `systemd supervises this process: ${supervisor.unit.unit}, Restart=${supervisor.unit.restart}`;
    case 'container':
      return 'this process is PID 1 of a container';
    case 'terminal':
      return 'this process has a terminal';
    case 'parent':
      return `this process has a parent that is no known supervisor: ${supervisor.name}`;
    case 'unknown':
      return 'Windows does not show who supervises this process';
    case 'nobody':
      return 'nobody supervises this process';
    default:
      return `${supervisor.kind} supervises this process`;
  }
}

function toAdvice(supervisor: Supervisor, hasExec: boolean): string {
  switch (supervisor.kind) {
    case 'systemd':
      return `restart the unit by hand; for next time, set Restart=on-failure, or NotifyAccess=all, or ${NEWER_RUNTIME}`;
    case 'supervisord':
      return `restart it with supervisorctl; for next time, set autorestart=unexpected, or ${NEWER_RUNTIME}`;
    case 'pm2':
      return `restart it with pm2; for next time, set autorestart, or ${NEWER_RUNTIME}`;
    case 'launchd':
      return `restart it with launchctl kickstart -k; for next time, set KeepAlive, or ${NEWER_RUNTIME}`;
    case 'runit':
    case 's6':
    case 'openrc':
      return `restart the service; for next time, have it wanted up, or ${NEWER_RUNTIME}`;
    case 'unknown':
      return 'restart it by hand; for next time, set DISTPRINT_STRATEGY to respawn where nobody waits for it, to exit where a service manager starts it again (docs/windows.md)';
    case 'container':
      return `restart the container; for next time, ${NEWER_RUNTIME}`;
    default:
      if (!hasExec) return 'restart it by hand; for next time, start it as docs/windows.md says';
      return `restart it by hand; for next time, ${NEWER_RUNTIME}, or run it under a supervisor`;
  }
}
