/**
 * Which way to new code is safe, and why. Pure.
 * @module
 */

import type { Owner } from './find-supervisor.ts';

/**
 * - `exec`: become the new code in place, after a rehearsal: same PID
 * - `respawn`: start a replacement, see it serve, leave
 * - `exit`: after a rehearsal, leave with a status that has the supervisor start the new code
 * - `none`: stay on the old code, and say so
 */
export type Strategy = 'exec' | 'respawn' | 'exit' | 'none';
export const STRATEGIES: readonly Strategy[] = ['exec', 'respawn', 'exit', 'none'];

export interface Facts {
  readonly owner: Owner;
  /** Why this process can't be replaced in place; null where it can. */
  readonly execBlocker: string | null;
  /** The status that `exit` would leave with. */
  readonly exitStatus: number;
}

/** How the runner would move to new code, and why. */
export interface Decision {
  readonly strategy: Strategy;
  readonly owner: Owner['kind'];
  /** For people, in the order in which they were considered. */
  readonly reasons: readonly string[];
  /** With `none`: what the operator can do. */
  readonly advice: string | null;
}

const NEWER_RUNTIME = 'run it on Node >= 22.15 or Bun, which can replace the code in place';

export function decideStrategy(wanted: Strategy | 'auto', facts: Facts): Decision {
  const { owner, execBlocker } = facts;
  const respawn = canRespawn(owner);
  const exit = canExit(facts);
  const decide = (strategy: Strategy, ...reasons: string[]): Decision => ({
    strategy,
    owner: owner.kind,
    reasons: [sayOwner(owner), ...reasons],
    advice: strategy === 'none' && wanted !== 'none' ? toAdvice(owner) : null,
  });

  if (wanted === 'none') return decide('none', 'strategy none was asked for');
  if (wanted === 'exec')
    return execBlocker === null ? decide('exec', 'strategy exec was asked for') : decide('none', execBlocker);
  if (wanted === 'respawn') {
    return respawn.safe
      ? decide('respawn', 'strategy respawn was asked for', respawn.why)
      : decide('none', respawn.why);
  }
  if (wanted === 'exit') {
    return exit.safe === false ? decide('none', exit.why) : decide('exit', 'strategy exit was asked for', exit.why);
  }
  // With nobody to start it again, the old process is the only way back should the new code fail after all: it must outlive the start.
  if (owner.kind === 'nobody') return decide('respawn', respawn.why);
  if (execBlocker === null)
    return decide('exec', 'the runtime can replace the code in place, and nobody sees another process');
  if (respawn.safe) return decide('respawn', execBlocker, respawn.why);
  if (exit.safe === true) return decide('exit', execBlocker, respawn.why, exit.why);
  return decide('none', execBlocker, respawn.why, exit.why);
}

interface Option {
  /** null where it can't be told. */
  safe: boolean | null;
  why: string;
}

function canRespawn(owner: Owner): Option {
  switch (owner.kind) {
    case 'nobody':
      return { safe: true, why: 'nobody waits for this process, so another may take its place once it is proven' };
    case 'systemd':
      if (owner.unit?.adoption === 'notify')
        return { safe: true, why: 'NotifyAccess= lets systemd follow a replacement' };
      if (owner.unit?.adoption === 'pidfile') return { safe: true, why: 'PIDFile= lets systemd follow a replacement' };
      return { safe: false, why: 'systemd would kill a replacement together with this process' };
    case 'terminal':
      return { safe: false, why: 'a replacement would leave the terminal' };
    case 'container':
      return { safe: false, why: 'the container ends with this process' };
    case 'parent':
      return { safe: false, why: `${owner.name} waits for this process, and would take its end for the end of all` };
    default:
      return { safe: false, why: `${owner.kind} would not know a replacement` };
  }
}

function canExit({ owner, exitStatus }: Facts): Option {
  const restarts = doesRestart(owner);
  if (restarts === true) return { safe: true, why: `${owner.kind} starts it again after exit status ${exitStatus}` };
  if (restarts === null) return { safe: null, why: `it can't be told whether ${owner.kind} would start it again` };
  return { safe: false, why: `nobody would start it again after exit status ${exitStatus}` };
}

function doesRestart(owner: Owner): boolean | null {
  if (owner.kind === 'systemd') return owner.unit === null ? null : owner.unit.restarts;
  if ('restarts' in owner) return owner.restarts;
  return owner.kind === 'nobody' || owner.kind === 'terminal' ? false : null;
}

function sayOwner(owner: Owner): string {
  switch (owner.kind) {
    case 'systemd':
      return owner.unit === null
        ? 'systemd owns this process, but its unit could not be asked about (systemctl show)'
        : `systemd owns this process: ${owner.unit.unit}, Restart=${owner.unit.restart}`;
    case 'container':
      return 'this process is PID 1 of a container';
    case 'terminal':
      return 'this process has a terminal';
    case 'parent':
      return `this process has a parent that is no known supervisor: ${owner.name}`;
    case 'nobody':
      return 'nobody owns this process';
    default:
      return `${owner.kind} owns this process`;
  }
}

function toAdvice(owner: Owner): string {
  switch (owner.kind) {
    case 'systemd':
      return `restart the unit by hand; for next time, set Restart=on-failure, or NotifyAccess=all, or ${NEWER_RUNTIME}`;
    case 'supervisord':
      return `restart it with supervisorctl; for next time, set autorestart=unexpected, or ${NEWER_RUNTIME}`;
    case 'pm2':
      return `restart it with pm2; for next time, set autorestart, or ${NEWER_RUNTIME}`;
    case 'runit':
    case 's6':
      return `restart the service; for next time, have it wanted up, or ${NEWER_RUNTIME}`;
    case 'container':
      return `restart the container; for next time, ${NEWER_RUNTIME}`;
    default:
      return `restart it by hand; for next time, ${NEWER_RUNTIME}, or run it under a supervisor`;
  }
}
