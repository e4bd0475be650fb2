/**
 * What ps(1) tells of processes, where there is no /proc of Linux's.
 * @module
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { errnoOf } from '../errors.ts';
import type { ProcessFacts } from './face.ts';
import { hasEnded } from './proc.ts';

/** Empty where ps fails: it exits with 1 where there is no such process. English, and without summer time. */
export function runPs(...options: string[]): string {
  const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
  try {
    return execFileSync('ps', options, { encoding: 'latin1', env, stdio: 'pipe', maxBuffer: 64 * 1024 * 1024 });
  } catch {
    return '';
  }
}

/**
 * Of a whole second: no ps tells more. A PID comes back only after some 100,000 others, which no machine starts within a second.
 * @param text of `ps -o state=,lstart= -p PID`
 */
export function parseStarted(text: string): string | undefined {
  const [state = '', ...started] = text.trim().split(/\s+/);
  return state === '' || hasEnded(state) ? undefined : started.join(' ');
}

export const readStarted = (pid: number): string | undefined =>
  parseStarted(runPs('-o', 'state=,lstart=', '-p', String(pid)));

/** `ucomm` is the name that the kernel keeps, of 15 or 16 bytes. Neither macOS nor the BSDs show a session's number: `sess` is an address. */
export function readFacts(pid: number): ProcessFacts | undefined {
  const command = runPs('-o', 'ucomm=', '-p', String(pid)).trim();
  if (command === '') return undefined;
  const words = runPs('-ww', '-o', 'command=', '-p', String(pid)).trim();
  return { command: command.slice(0, 15), words, session: undefined };
}

export function hasChildren(): boolean {
  const ps = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,state='], { encoding: 'latin1', maxBuffer: 64 * 1024 * 1024 });
  return listChildrenIn(ps.stdout ?? '', process.pid).some((pid) => pid !== ps.pid);
}

/** @param text of ps: PID, parent and state, a line each. Those that live. */
export function listChildrenIn(text: string, parent: number): number[] {
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/));
  return lines.filter(([, of, state = 'Z']) => Number(of) === parent && !hasEnded(state)).map(([pid]) => Number(pid));
}

let lastSeen = { who: '', untilMs: 0 };
/** For so long, a process that was seen is believed to be the same. */
const BELIEVED_MS = 1_000;

/** A ps takes some milliseconds, and who waits looks every 2 ms. So its PID is looked at each time, and ps is asked once a second. */
export function lives(pid: number, started: string): boolean {
  if (!isThere(pid)) return false;
  const who = `${pid} ${started}`;
  if (lastSeen.who === who && performance.now() < lastSeen.untilMs) return true;
  const isIt = readStarted(pid) === started;
  if (isIt) lastSeen = { who, untilMs: performance.now() + BELIEVED_MS };
  return isIt;
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ESRCH'; // another user's is there too
  }
}

/** Whether this process is in the foreground of its terminal. */
export const isInForeground = (): boolean => saysForeground(runPs('-o', 'stat=', '-p', String(process.pid)));

/** @param state of ps: `+` is the foreground process group of its terminal. Where nobody can tell, it is taken for that. */
export const saysForeground = (state: string): boolean => state.trim() === '' || state.includes('+');

/** @param environment what has ps show it: `-e`, and on macOS `-E`, where `-e` is all processes */
export const findTreeBy =
  (environment: '-e' | '-E') =>
  (rootPid: number, mark: string): number[] =>
    findInPs(runPs(environment, '-A', '-ww', '-o', 'pid=,ppid=,stat=,command='), rootPid, mark);

/** @param text of ps: PID, parent, state, and the command with its environment, a line each */
export function findInPs(text: string, rootPid: number, mark: string): number[] {
  const lines = text.split('\n').flatMap((line) => {
    const [, pid, parent, state = 'Z', command = ''] = line.match(/^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/) ?? [];
    return hasEnded(state)
      ? []
      : [{ pid: Number(pid), parent: Number(parent), isMarked: command.includes(` ${mark}`) }];
  });
  const isRoot = (pid: number, parent: number) => pid === rootPid && parent === process.pid;
  const tree = new Set<number>();
  for (let before = -1; before !== tree.size; ) {
    before = tree.size;
    for (const { pid, parent, isMarked } of lines) {
      if (isMarked || isRoot(pid, parent) || tree.has(parent)) tree.add(pid);
    }
  }
  tree.delete(process.pid);
  return [...tree].sort((a, b) => a - b);
}
