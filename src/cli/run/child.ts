/**
 * One process of the command: start it with the very same words, and end it with all that it started.
 * @module
 */

import type { ChildProcess, StdioOptions } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { errnoOf } from '../../errors.ts';
import { platform } from '../../platform/index.ts';
import { type Launch, spawnAlike } from '../../runner/handoff/launch.ts';
import { type Ended, endTree } from './end-tree.ts';
import { markEnv } from './mark.ts';
import { createRelatives, endRelatives, type Relatives } from './relatives.ts';

/** How a process ended. */
export interface End {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why it could not be started, where that is so. `code` is then what a shell gives: 127 not found, 126 not executable. */
  readonly error: string | null;
}

export interface Child {
  readonly process: ChildProcess;
  readonly pid: number | undefined;
  /** In its environment and in that of all that it starts (mark.ts). */
  readonly mark: string;
  /** performance.now() */
  readonly startedMs: number;
  readonly ended: Promise<End>;
  /** Where marks tell nothing: who descends from it. */
  readonly relatives: Relatives | null;
  /** Resolves when all that it wrote has come through this process. */
  readonly drained: Promise<unknown>;
  /** Null while it lives. */
  readonly end: End | null;
}

/** What each start has in common. */
export interface HowToStart {
  /** Made anew for each start: an upgrade may have changed a shim. */
  readonly launch: () => Launch;
  readonly env: Readonly<Record<string, string>>;
  /** Handed on as 3, 4, … */
  readonly fds: readonly number[];
  /** Whether it is started in a session of its own: see `startChild`. */
  readonly ownSession: boolean;
  /** Whether this process reads the terminal, and the command nothing. */
  readonly keepsInput: boolean;
  /** Whether its output comes through this process. */
  readonly pipesOutput: boolean;
  readonly ipc: boolean;
}

/**
 * On a terminal it stays in the process group of this one, which the shell has put in the foreground: only so do the keys (Ctrl-C,
 * Ctrl-Z), raw mode and `fg` work as without us. Elsewhere it leads a session of its own: what is sent to our group (by `timeout`, say)
 * then reaches it once, through us, and one signal reaches all that it started.
 */
export function startChild(how: HowToStart, runMark: string): Child {
  const { mark, env: marked } = markEnv(runMark);
  const { launch, env, fds, ownSession, keepsInput, pipesOutput, ipc } = how;
  const out = pipesOutput ? 'pipe' : 'inherit';
  const stdio: StdioOptions = [keepsInput ? 'ignore' : 'inherit', out, out, ...fds, ...(ipc ? (['ipc'] as const) : [])];
  const startMs = Date.now() - platform.clockTickMs;
  const started = spawnAlike(launch(), { ...env, ...marked }, { stdio, detached: ownSession });
  started.stdout?.pipe(process.stdout, { end: false });
  started.stderr?.pipe(process.stderr, { end: false });
  let end: End | null = null;
  let endedMs = Infinity;
  const ended = new Promise<End>((resolve) => {
    started.once('exit', (code, signal) => resolve({ code, signal, error: null }));
    started.on('error', (error) => {
      if (started.pid !== undefined) return; // a signal or a message that could not be sent
      const code = errnoOf(error) === 'ENOENT' ? 127 : 126;
      resolve({ code, signal: null, error: error.message });
    });
  });
  void ended.then((how) => {
    end = how;
    endedMs = Date.now();
  });
  const root = { pid: started.pid as number, parent: process.pid, startedMs: startMs };
  return {
    process: started,
    pid: started.pid,
    mark,
    startedMs: performance.now(),
    ended,
    relatives: started.pid === undefined ? null : createRelatives(root, () => endedMs),
    drained: new Promise((resolve) => started.once('close', resolve)),
    get end() {
      return end;
    },
  };
}

/** Sends it a signal. One that has ended gets none. */
export function signalChild(child: Child, signal: NodeJS.Signals): void {
  if (child.end === null) child.process.kill(signal);
}

export interface HowToStop {
  readonly signal: NodeJS.Signals;
  /** Whether the message `shutdown` asks it, as pm2 does (`--shutdown-with-message`), in place of the signal. */
  readonly byMessage: boolean;
  /** Milliseconds from the signal to SIGKILL. */
  readonly graceMs: number;
}

/**
 * Resolves when it and all that it started are gone, or can't be ended.
 *
 * The signal goes to the command's own process first: `npm` and the like pass it on, and who gets it twice may hurry. What is left once
 * that has ended gets it then.
 */
export async function stopChild(child: Child, stop: HowToStop): Promise<Ended> {
  await child.relatives?.look();
  const deadlineMs = performance.now() + stop.graceMs;
  askToEnd(child, stop);
  if (platform.isPosix) signalChild(child, 'SIGCONT'); // a stopped process hears of no signal
  await endsWithin(child, stop.graceMs);
  const ended = await endRest(child, { ...stop, graceMs: Math.max(0, deadlineMs - performance.now()) });
  await endsWithin(child, SEEN_MS);
  return ended;
}

/** On Windows, each signal ends it at once, unheard. */
export function askToEnd(child: Child, { signal, byMessage }: HowToStop): void {
  if (byMessage && child.process.connected)
    child.process.send('shutdown', () => {}); // it may end before it hears that
  else signalChild(child, signal);
}

/** In milliseconds: that it has ended is known to others a moment before it is to us. */
const SEEN_MS = 1_000;

/** Ends what is left of it. What it wrote last is then on its way out. */
export async function endRest(child: Child, stop: HowToStop): Promise<Ended> {
  if (child.pid === undefined) return { killed: false, left: [] };
  const { relatives } = child;
  const ended = relatives === null ? await endTree(child.pid, child.mark, stop) : await endListed(child, relatives);
  if (child.process.stdout !== null) await Promise.race([child.drained, delay(SEEN_MS)]);
  return ended;
}

async function endListed(child: Child, relatives: Relatives): Promise<Ended> {
  const killed = child.end === null;
  signalChild(child, 'SIGKILL');
  await endsWithin(child, SEEN_MS);
  return { killed, left: await endRelatives(relatives) };
}

/** The PIDs of it and all that it started. */
export const listTree = ({ pid, mark }: Child): number[] => (pid === undefined ? [] : platform.findTree(pid, mark));

/** Whether it ends in that time. */
export async function endsWithin(child: Child, ms: number): Promise<boolean> {
  const timer = new AbortController();
  const late = delay(ms, false, { signal: timer.signal }).catch(() => false);
  const isEnded = await Promise.race([child.ended.then(() => true), late]);
  timer.abort();
  return isEnded;
}

/** For people. */
export function sayEnd({ code, signal, error }: End): string {
  if (error !== null) return `it can't be started: ${error}`;
  return signal === null ? `it ended with exit status ${code}` : `it was ended by ${signal}`;
}
