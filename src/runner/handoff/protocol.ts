/**
 * The hand-off's protocol: its steps, and what the two processes tell each other.
 *
 * The predecessor tells the new process its part in an environment variable, and grants it the lock (role/lock.ts). The new process
 * reports on descriptor 3, a line of JSON each: it is loaded, it was rehearsed, it is ready, it still lives.
 *
 * ```text
 * predecessor                                new process
 * rehearse   starts the new code aside   ->  report: runs up to claimRunner, tells its fingerprint
 *                                            goes on to readiness where its host can, on another port; leaves
 *
 * exec       becomes the new code, in place
 * exit       leaves; the supervisor starts the new code
 *
 * spawn      starts the replacement      ->  report: tells its fingerprint, waits for the lock
 * release    the host stops what must not be done twice
 * grant      gives the lock to the replacement
 *                                        ->  granted: listens
 *            stops listening            <-   where it can't share the port: the port is busy
 * prove                                  <-  serve: ready, and still alive a little later
 * adopt      makes the service manager follow the replacement
 * leave      ends
 * ```
 * Where a step fails, the predecessor ends the new process, takes the lock back, and listens again.
 * @module
 */

import { closeSync, fstatSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import * as v from 'valibot';
import { platform } from '../../platform/index.ts';
import type { ProcessId } from '../../platform/process-id.ts';

/** Of both processes. Each step is announced (`onStep`) before it is done; the state names the predecessor's. */
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

/** Holds a `Handoff` in JSON. The new process takes it out of its environment at once, so it is never replayed. */
export const HANDOFF_VARIABLE = 'DISTPRINT_HANDOFF';
/** Where the new process reports. */
export const REPORT_FD = 3;
/** Where the predecessor asks the new process to end, on Windows: a signal would end it unheard. No socket is passed on there. */
export const ASK_FD = 4;
/** The first of the listening sockets that the new process is given. */
export const FIRST_SOCKET_FD = 4;

const WholeNumber = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Milliseconds = v.pipe(v.number(), v.finite(), v.minValue(0));

/** What a predecessor tells. Nothing of it is believed before it is checked (replacement.ts). */
export interface Handoff {
  /**
   * - `rehearsal`: load, report, leave
   * - `replacement`: load, report, wait for the lock
   * - `exec`: the same process, new code
   */
  readonly part: 'rehearsal' | 'replacement' | 'exec';
  /** The predecessor. */
  readonly from: ProcessId;
  /** The predecessor's generation. */
  readonly generation: number;
  /** What the predecessor listens on. */
  readonly sockets: readonly PassedSocket[];
  /** For how long a replacement waits for the lock, at least. */
  readonly grantMs: number;
  /** For how long a replacement must live on once it is ready. */
  readonly proveMs: number;
  /** With `exec`: the children that the process had. */
  readonly children?: readonly number[] | undefined;
}

export interface PassedSocket {
  /** As the host asked for it (sockets.ts). */
  readonly asked: string;
  /** 0 for a Unix socket. */
  readonly port: number;
  /** Null where the socket itself is not passed on. */
  readonly fd: number | null;
  /** Whether somebody outside, systemd say, gave it to the first process. */
  readonly isGiven?: boolean | undefined;
}

/** What the new process tells. */
export type Report =
  | {
      /** The program is loaded, and has called `claimRunner`. */
      readonly at: 'loaded';
      /** As it names itself (process-id.ts), where its predecessor can't see that. */
      readonly started?: string | undefined;
      readonly fingerprint: string;
      readonly version: string | null;
      /** Why its fingerprint may not be that of the code in memory. */
      readonly doubt: string | null;
      /** Whether this rehearsal goes on to readiness. */
      readonly goesOn: boolean;
    }
  /** The rehearsal got ready, and its host says that it works. */
  | { readonly at: 'rehearsed' }
  /** The replacement wants to listen where its predecessor still does. */
  | { readonly at: 'busy' }
  | { readonly at: 'ready' }
  | { readonly at: 'alive' };

const handoffSchema: v.GenericSchema<unknown, Handoff> = v.object({
  part: v.picklist(['rehearsal', 'replacement', 'exec']),
  from: v.object({ pid: v.pipe(WholeNumber, v.minValue(1)), started: v.string() }),
  generation: WholeNumber,
  sockets: v.array(
    v.object({
      asked: v.string(),
      port: v.pipe(WholeNumber, v.maxValue(65_535)),
      fd: v.nullable(WholeNumber),
      isGiven: v.optional(v.boolean()),
    }),
  ),
  grantMs: Milliseconds,
  proveMs: Milliseconds,
  children: v.optional(v.array(WholeNumber)),
});

const reportSchema: v.GenericSchema<unknown, Report> = v.variant('at', [
  v.object({
    at: v.literal('loaded'),
    started: v.optional(v.string()),
    fingerprint: v.string(),
    version: v.nullable(v.string()),
    doubt: v.nullable(v.string()),
    goesOn: v.optional(v.boolean(), false),
  }),
  v.object({ at: v.literal('rehearsed') }),
  v.object({ at: v.literal('busy') }),
  v.object({ at: v.literal('ready') }),
  v.object({ at: v.literal('alive') }),
]);

/** What a predecessor told this process, or undefined. Takes it out of the environment. */
export function takeHandoff(): Handoff | undefined {
  const said = peekHandoff();
  delete process.env[HANDOFF_VARIABLE];
  return said;
}

/** The same, and leaves it there. */
export function peekHandoff(): Handoff | undefined {
  const text = process.env[HANDOFF_VARIABLE];
  return text === undefined ? undefined : parse(handoffSchema, text);
}

/** The report in a line, or undefined where somebody else wrote it. */
export const parseReport = (line: string): Report | undefined => parse(reportSchema, line);

function parse<T>(schema: v.GenericSchema<unknown, T>, text: string): T | undefined {
  try {
    const parsed = v.safeParse(schema, JSON.parse(text));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/** Of inode(7), also where `fs.constants` has none of them. */
const S_IFMT = 0o170000;
const S_IFIFO = 0o010000;

/**
 * Whether a predecessor listens on the report descriptor: runtimes give a child a socket for a pipe. Otherwise the number may be that of
 * a descriptor of the runtime's own, which must be left alone.
 */
export function canReport(): boolean {
  try {
    const stats = fstatSync(REPORT_FD);
    return stats.isSocket() || (stats.mode & S_IFMT) === S_IFIFO; // isFIFO() says no to all on Windows
  } catch {
    return false; // nothing is open there
  }
}

/** Tells the predecessor. Whether it still lives is not the new process's problem. */
export function report(said: Report): void {
  try {
    writeSync(REPORT_FD, `${JSON.stringify(said)}\n`);
  } catch {
    // EPIPE: nobody listens any more
  }
}

/** Ends this process as SIGTERM would, once the predecessor asks for it. */
export function hearAsk(): void {
  if (platform.isPosix) return;
  const socket = new Socket({ fd: ASK_FD, writable: false });
  socket.on('error', () => {}); // the predecessor has ended
  socket.on('data', () => process.emit('SIGTERM') || process.exit(1));
  socket.unref();
}

export function endReports(): void {
  try {
    closeSync(REPORT_FD);
  } catch {
    // closed already
  }
}
