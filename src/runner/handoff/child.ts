/**
 * The old process's end of a child that runs the new code: starting it, hearing it, ending it.
 * @module
 */

import type { ChildProcess, StdioOptions } from 'node:child_process';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { identify, type ProcessId } from '../role/process-id.ts';
import { getLaunch, spawnAlike } from './launch.ts';
import { FIRST_SOCKET_FD, HANDOFF_VARIABLE, type Handoff, type Report } from './protocol.ts';

/** Why a hand-off did not happen, for people. The old process goes on. */
export class HandoffFailure extends Error {
  override readonly name = 'HandoffFailure';
}

export interface Child {
  readonly id: ProcessId;
  /** Resolves with the next report of that kind. @throws HandoffFailure where the child ends first, or is late */
  hear<At extends Report['at']>(at: At, timeoutMs: number): Promise<Extract<Report, { at: At }>>;
  /** Resolves when it has ended; false where that takes longer. */
  ended(timeoutMs: number): Promise<boolean>;
  /** SIGTERM, then SIGKILL. Resolves when it has ended, and not before. */
  terminate(): Promise<void>;
  /** Says so, and doesn't wait. */
  signal(): void;
}

const KILL_AFTER_MS = 2_000;
/** After a process was stopped, timers are due before what waits in a pipe is read. */
const LATE_READ_MS = 200;
const MAX_OUTPUT = 16 * 1024;

/** @throws HandoffFailure where it can't be started */
export async function startChild(handoff: Handoff, descriptors: readonly number[]): Promise<Child> {
  const isRehearsal = handoff.role === 'rehearsal';
  // A rehearsal's output says why it failed. A replacement's goes where the operator has sent it, for as long as it lives.
  const own: StdioOptions = isRehearsal
    ? ['ignore', 'pipe', 'pipe', 'pipe']
    : ['inherit', 'inherit', 'inherit', 'pipe'];
  const sockets = handoff.sockets.map((socket, i) => ({
    ...socket,
    fd: descriptors[i] === undefined ? null : FIRST_SOCKET_FD + i,
  }));
  const child = spawnAlike(
    getLaunch(),
    { [HANDOFF_VARIABLE]: JSON.stringify({ ...handoff, sockets }) },
    { stdio: [...own, ...descriptors], detached: !isRehearsal },
  );
  return listenTo(child, await whenSpawned(child));
}

async function whenSpawned(child: ChildProcess): Promise<ProcessId> {
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) =>
      reject(new HandoffFailure(`it can't be started: ${error.message}`, { cause: error })),
    );
  });
  const pid = child.pid as number;
  // One that has ended already has no identity any more, and will never be granted anything.
  return identify(pid) ?? { pid, started: '' };
}

function listenTo(child: ChildProcess, id: ProcessId): Child {
  const heard: Report[] = [];
  const output = collectOutput(child);
  let end: string | undefined;
  const waiting = new Set<() => void>();
  const changed = () => {
    for (const wake of waiting) wake();
    waiting.clear();
  };

  let line = '';
  const reports = child.stdio[3] as Readable | null;
  reports?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (line + text).split('\n');
    line = lines.pop() as string;
    for (const each of lines) {
      const said = parse(each);
      if (said !== undefined) heard.push(said);
    }
    changed();
  });
  reports?.on('error', () => {}); // its end says enough
  child.on('error', () => {});
  child.on('exit', (code, signal) => {
    end = signal === null ? `it ended with exit status ${code}` : `it was ended by ${signal}`;
    setImmediate(changed); // what it last said may still be in the pipe
  });

  async function until(isDone: () => boolean, timeoutMs: number): Promise<boolean> {
    let late = false;
    const timer = setTimeout(() => {
      setTimeout(() => {
        late = true;
        changed();
      }, LATE_READ_MS);
    }, timeoutMs);
    try {
      while (!isDone() && !late) {
        await new Promise<void>((resolve) => void waiting.add(resolve));
      }
      return isDone();
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    id,
    async hear(at, timeoutMs) {
      const find = () => heard.find((each) => each.at === at);
      await until(() => find() !== undefined || end !== undefined, timeoutMs);
      if (end !== undefined && find() === undefined) await delay(LATE_READ_MS);
      const found = find();
      if (found !== undefined && (end === undefined || at === 'claim'))
        return found as Extract<Report, { at: typeof at }>;
      throw new HandoffFailure(`${end ?? `it did not say "${at}" within ${timeoutMs} ms`}${output()}`);
    },
    ended: (timeoutMs) => until(() => end !== undefined, timeoutMs),
    async terminate() {
      child.kill('SIGTERM');
      if (!(await until(() => end !== undefined, KILL_AFTER_MS))) child.kill('SIGKILL');
      while (!(await until(() => end !== undefined, KILL_AFTER_MS))); // never two: not before it is gone
      for (const stream of child.stdio) stream?.destroy();
    },
    signal: () => void child.kill('SIGTERM'),
  };
}

function parse(line: string): Report | undefined {
  try {
    return JSON.parse(line) as Report;
  } catch {
    return undefined; // somebody else wrote there
  }
}

/** What the child printed that says why: the error's line, or the last one. */
function collectOutput(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (more: string) => {
      text = (text + more).slice(-MAX_OUTPUT);
    });
  }
  return () => {
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    const line = lines.find((each) => /^(?:Uncaught )?\w*(?:Error|error)\b.*:/.test(each)) ?? lines.at(-1);
    return line === undefined ? '' : `: ${line.trim().slice(0, 300)}`;
  };
}
