/**
 * The hand-off's protocol: its steps, and what the two processes tell each other.
 *
 * The old process tells the new one its part in an environment variable, and grants it the role in the lock (lock.ts). The new
 * one reports on descriptor 3, a line of JSON each: that it has reached its claim, that it is ready, that it still lives.
 *
 * ```text
 * old                                        new
 * rehearse   starts the new code aside   ->  report: runs up to its claim, tells its fingerprint, leaves
 *
 * exec       becomes the new code, in place
 * exit       leaves; the supervisor starts the new code
 *
 * spawn      starts the replacement      ->  report: tells its fingerprint, waits for the grant
 * release    the host stops what must not be done twice
 * grant      stops listening, where the port can't be shared; names the other the owner
 *                                        ->  granted: listens
 * prove                                  <-  serve: ready, and still alive a little later
 * adopt      has the service manager follow
 * leave      ends
 * ```
 * Wherever a step fails, the old process ends the new one, takes back the role, and listens again.
 * @module
 */

import { closeSync, fstatSync, writeSync } from 'node:fs';
import type { ProcessId } from '../role/process-id.ts';

/** Of the old process and of the new one. Each is announced (`onStep`) before it is done, and the old one's stand in the state. */
export const STEPS = [
  'rehearse',
  'spawn',
  'release',
  'grant',
  'prove',
  'adopt',
  'leave',
  'exec',
  'exit',
  'report',
  'granted',
  'serve',
] as const;
/** A step of a hand-off, as `onStep` is told. */
export type Step = (typeof STEPS)[number];

/** The old process's word to the new one: a `Handoff` in JSON. It is taken out of the environment at once, and never replayed. */
export const HANDOFF_VARIABLE = 'DISTPRINT_HANDOFF';
/** Where the new process reports. */
export const REPORT_FD = 3;
/** The first of the listening sockets that the new process is given. */
export const FIRST_SOCKET_FD = 4;

/**
 * - `rehearsal`: run up to the claim, report, leave
 * - `replacement`: run up to the claim, report, wait for the grant
 * - `exec`: the same process, new code
 */
export interface Handoff {
  readonly role: 'rehearsal' | 'replacement' | 'exec';
  /** The owner that says so. Only worth something if it is who owns the lock. */
  readonly from: ProcessId;
  /** Its generation. */
  readonly generation: number;
  /** The ports that it listens on; with `fd`, where it passes on the socket itself. */
  readonly sockets: readonly { readonly port: number; readonly fd: number | null }[];
  /** Milliseconds that a replacement waits for its grant, and lives before it says so. */
  readonly grantMs: number;
  readonly proveMs: number;
}

/** What the new process reports. */
export type Report =
  | {
      readonly at: 'claim';
      readonly fingerprint: string;
      readonly version: string | null;
      readonly doubt: string | null;
    }
  | { readonly at: 'ready' }
  | { readonly at: 'alive' };

/** What the old process said, or undefined where it said nothing that can be read. Takes it out of the environment. */
export function takeHandoff(): Handoff | undefined {
  const text = process.env[HANDOFF_VARIABLE];
  delete process.env[HANDOFF_VARIABLE];
  if (text === undefined) return undefined;
  try {
    const said = JSON.parse(text) as Handoff;
    const isSound =
      Number.isInteger(said.from.pid) && typeof said.from.started === 'string' && Array.isArray(said.sockets);
    return isSound ? said : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether there is somebody to report to: runtimes give a child a socket for a pipe. Without one, the number may be that of
 * a descriptor of the runtime's own, which must not be written to, nor closed.
 */
export function canReport(): boolean {
  try {
    const stats = fstatSync(REPORT_FD);
    return stats.isSocket() || stats.isFIFO();
  } catch {
    return false; // nothing is open there
  }
}

/** Tells the old process. That it is gone by now is not the new one's problem. */
export function report(said: Report): void {
  try {
    writeSync(REPORT_FD, `${JSON.stringify(said)}\n`);
  } catch {
    // EPIPE: nobody listens any more
  }
}

export function endReports(): void {
  try {
    closeSync(REPORT_FD);
  } catch {
    // closed already
  }
}
