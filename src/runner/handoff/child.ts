/**
 * A child that runs the new code, as its predecessor sees it: start it, hear it, end it.
 * @module
 */

import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { platform } from '../../platform/index.ts';
import { identify, type ProcessId } from '../../platform/process-id.ts';
import { type ExtraEnv, getLaunch, type SpawnAlikeOptions, spawnAlike } from './launch.ts';
import { ASK_FD, FIRST_SOCKET_FD, HANDOFF_VARIABLE, type Handoff, parseReport, type Report } from './protocol.ts';
import { removeScratchOf } from './scratch.ts';

/** Why a hand-off failed, for people. The predecessor goes on. */
export class HandoffFailure extends Error {
  override readonly name = 'HandoffFailure';
}

export interface Child {
  readonly id: ProcessId;
  /** Resolves with the report of that kind, or of one of them. @throws HandoffFailure where the child ends first, or is late */
  hear<At extends Report['at']>(at: At | readonly At[], timeoutMs: number): Promise<Extract<Report, { at: At }>>;
  /** Resolves when it has ended; false where that takes longer. */
  ended(timeoutMs: number): Promise<boolean>;
  /** SIGTERM, then SIGKILL. Resolves when it has ended, and not before. */
  terminate(): Promise<void>;
  /** It is proven: it may outlive this process. */
  letGo(): void;
}

const KILL_AFTER_MS = 2_000;
/** When a stopped process goes on, its timers fire before it reads what waits in a pipe. */
const LATE_READ_MS = 200;
const MAX_OUTPUT = 16 * 1024;

/**
 * The child gets SIGTERM when this process ends or `stopped` is aborted, until it is let go.
 * @throws HandoffFailure where it can't be started
 */
export async function startChild(
  handoff: Handoff,
  descriptors: readonly number[],
  stopped: AbortSignal,
): Promise<Child> {
  const isRehearsal = handoff.part === 'rehearsal';
  // A rehearsal's output says why it failed. A replacement writes where the operator has sent our output.
  const own: StdioOptions = isRehearsal
    ? ['ignore', 'pipe', 'pipe', 'pipe']
    : ['inherit', 'inherit', 'inherit', 'pipe'];
  const sockets = handoff.sockets.map((socket, i) => ({
    ...socket,
    fd: descriptors[i] === undefined ? null : FIRST_SOCKET_FD + i,
  }));
  const child = start(
    { [HANDOFF_VARIABLE]: JSON.stringify({ ...handoff, sockets }) },
    // On Windows, whoever is not detached ends with us, by a job object of libuv's.
    {
      stdio: [...own, ...(platform.isPosix ? descriptors : ['pipe' as const])],
      detached: platform.isPosix || !isRehearsal,
    },
  );
  const id = await whenSpawned(child);
  if (!platform.isPosix)
    return listenTo(
      child,
      id,
      (signal) => endOnWindows(child, signal),
      async () => removeScratchOf(id.pid),
      stopped,
    );
  if (!isRehearsal)
    return listenTo(
      child,
      id,
      (signal) => child.kill(signal),
      async () => {},
      stopped,
    );
  const killAll = (signal: NodeJS.Signals) => killGroup(id.pid, signal);
  const endWatchdog = endWithUs(id.pid);
  const endRest = () => {
    killAll('SIGKILL');
    removeScratchOf(id.pid);
    return endWatchdog();
  };
  return listenTo(child, id, killAll, endRest, stopped);
}

/** SIGTERM would end it unheard: it is asked instead. */
function endOnWindows(child: ChildProcess, signal: NodeJS.Signals): void {
  if (signal === 'SIGTERM') (child.stdio[ASK_FD] as Writable | null)?.write('end\n');
  else if (child.pid !== undefined) platform.killTree?.(child.pid);
}

/** A rehearsal, and what it started before its claim. */
function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // ESRCH: nobody is left
  }
}

function start(...how: [extra: ExtraEnv, options: SpawnAlikeOptions]): ChildProcess {
  try {
    return spawnAlike(getLaunch(), ...how);
  } catch (error) {
    throw new HandoffFailure(`it can't be started: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Whatever ends this process, SIGKILL too, ends a rehearsal and what it started: it may hang, or not know us at all. A shell waits for
 * the end of a pipe that this process alone holds open.
 * @returns what ends the shell, and waits for that: one that ends after exec would be a zombie
 */
function endWithUs(pid: number): () => Promise<void> {
  const script = 'read -r _; kill -s KILL -- "-$1"';
  const watchdog = spawn('/bin/sh', ['-c', script, 'sh', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    env: {},
  });
  const ended = new Promise<void>((resolve) => {
    watchdog.once('exit', resolve);
    watchdog.on('error', resolve); // there is no shell: then a supervisor that ends the whole group is left
  });
  return () => {
    watchdog.kill('SIGKILL');
    return ended;
  };
}

async function whenSpawned(child: ChildProcess): Promise<ProcessId> {
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) =>
      reject(new HandoffFailure(`it can't be started: ${error.message}`, { cause: error })),
    );
  });
  const pid = child.pid as number;
  // A child that has ended already has no identity, and is never granted anything.
  return identify(pid) ?? { pid, started: '' };
}

function listenTo(
  child: ChildProcess,
  id: ProcessId,
  kill: (signal: NodeJS.Signals) => unknown,
  endRest: () => Promise<void>,
  stopped: AbortSignal,
): Child {
  const heard: Report[] = [];
  const output = collectOutput(child);
  const until = createWaiting();
  let end: string | undefined;

  readLines(child.stdio[3] as Readable | null, (line) => {
    const said = parseReport(line);
    if (said !== undefined) heard.push(said);
    // What we can't see ourselves, it may say: it is our child.
    if (said?.at === 'loaded' && id.started === '') id = { ...id, started: said.started ?? '' };
    until.changed();
  });
  child.on('error', () => {});
  child.on('exit', async (code, signal) => {
    letGo();
    await endRest();
    end = signal === null ? `it ended with exit status ${code}` : `it was ended by ${signal}`;
    setImmediate(until.changed); // what it last said may still be in the pipe
  });

  const endIt = () => void kill('SIGTERM');
  function letGo(): void {
    process.off('exit', endIt);
    stopped.removeEventListener('abort', endIt);
  }
  process.once('exit', endIt);
  stopped.addEventListener('abort', endIt, { once: true });

  return {
    get id() {
      return id;
    },
    async hear<At extends Report['at']>(at: At | readonly At[], timeoutMs: number) {
      const kinds: readonly Report['at'][] = [at].flat();
      const find = () => heard.find((each) => kinds.includes(each.at));
      await until.met(() => find() !== undefined || end !== undefined, timeoutMs);
      // Of one that has ended, nothing else is worth waiting for: the old process is to listen again.
      if (end !== undefined && find() === undefined && kinds.some(countsAfterEnd)) await delay(LATE_READ_MS);
      const found = find();
      if (found !== undefined && (end === undefined || countsAfterEnd(found.at)))
        return found as Extract<Report, { at: At }>;
      throw new HandoffFailure(`${end ?? `it did not say "${kinds[0]}" within ${timeoutMs} ms`}${output()}`);
    },
    ended: (timeoutMs) => until.met(() => end !== undefined, timeoutMs),
    async terminate() {
      kill('SIGTERM');
      if (!(await until.met(() => end !== undefined, KILL_AFTER_MS))) kill('SIGKILL');
      while (!(await until.met(() => end !== undefined, KILL_AFTER_MS))); // never two: wait until it is gone
      for (const stream of child.stdio) stream?.destroy();
    },
    letGo,
  };
}

/** A rehearsal leaves when it has said so. */
const countsAfterEnd = (at: Report['at']) => at === 'loaded' || at === 'rehearsed';

/** Waits for conditions that are looked at again whenever `changed` is called. */
function createWaiting() {
  const waiting = new Set<() => void>();
  const changed = () => {
    for (const wake of waiting) wake();
    waiting.clear();
  };
  async function met(isMet: () => boolean, timeoutMs: number): Promise<boolean> {
    let late = false;
    const timer = setTimeout(() => {
      setTimeout(() => {
        late = true;
        changed();
      }, LATE_READ_MS);
    }, timeoutMs);
    try {
      while (!isMet() && !late) await new Promise<void>((resolve) => void waiting.add(resolve));
      return isMet();
    } finally {
      clearTimeout(timer);
    }
  }
  return { changed, met };
}

function readLines(stream: Readable | null, onLine: (line: string) => void): void {
  if (stream === null) return;
  stream.on('error', () => {}); // the child's end says enough
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', onLine);
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
