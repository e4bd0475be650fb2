/**
 * Ends all processes of a command, also one that goes on forking while it is being ended.
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises';
import { platform } from '../../platform/index.ts';
import { readLastPid, readStat } from '../../platform/proc.ts';
import { identify, isAlive, type ProcessId } from '../../platform/process-id.ts';

export interface EndOptions {
  readonly signal: NodeJS.Signals;
  /** How long they may take after the signal, before SIGKILL. */
  readonly graceMs: number;
}

export interface Ended {
  /** Whether SIGKILL was needed. */
  readonly killed: boolean;
  /** The PIDs of those that nothing ends: another user's, or one that hangs in the kernel. Empty as a rule. */
  readonly left: readonly number[];
}

/** After SIGKILL a process ends at once, unless it hangs in the kernel. */
const KILL_MS = 5_000;
const FIRST_LOOK_MS = 5;
const MAX_LOOK_MS = 100;

/**
 * Each process gets the signal, once, also those that come later; then SIGKILL, until none is left. One kind escapes: what starts its
 * successor within a millisecond, each in a session of its own, and ends. Only a cgroup holds that.
 * @param rootPid the command's first process, which may have ended
 * @param mark as `markEnv` gave it
 */
export async function endTree(rootPid: number, mark: string, { signal, graceMs }: EndOptions): Promise<Ended> {
  const known = new Map<number, ProcessId>();
  /** One that was found once stays known, whatever then becomes of its parent and its environment. */
  function look(): number[] {
    const found = new Set(platform.findTree(rootPid, mark));
    for (const [pid, id] of known) {
      if (!found.has(pid) && isAlive(id)) found.add(pid);
    }
    return [...found];
  }
  const find = () => lookUntilQuiet(look, mark);
  const isGone = await untilGone(find, graceMs, (tree) => {
    for (const pid of tree.filter((each) => !known.has(each))) {
      known.set(pid, identify(pid) ?? { pid, started: '' });
      send(pid, signal);
      send(pid, 'SIGCONT'); // a stopped process would not hear of it
    }
  });
  if (isGone) return { killed: false, left: [] };
  return { killed: true, left: (await untilGone(find, KILL_MS, killAll)) ? [] : find() };
}

/**
 * That nobody is there is believed when nobody was born during the look. Else one that forks and ends all the time may have escaped it,
 * so the youngest process of all is looked at, again and again.
 */
function lookUntilQuiet(look: () => number[], mark: string): number[] {
  const before = readLastPid();
  const found = look();
  if (found.length > 0 || readLastPid() === before) return found;
  for (let looks = 0; looks < MAX_LOOKS; looks++) {
    const youngest = platform.findYoungest(mark);
    if (youngest !== undefined) return [youngest];
  }
  return [];
}

/** Some 2 ms. */
const MAX_LOOKS = 50;

/** @returns false where some are left in the end */
async function untilGone(
  find: () => number[],
  withinMs: number,
  act: (tree: readonly number[]) => void,
): Promise<boolean> {
  const deadlineMs = performance.now() + withinMs;
  for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(waitMs * 1.5, MAX_LOOK_MS)) {
    const tree = find();
    if (tree.length === 0) return true;
    act(tree);
    const leftMs = deadlineMs - performance.now();
    if (leftMs <= 0) return false;
    await delay(Math.min(waitMs, leftMs));
  }
}

/** By groups too: the kernel lets nobody escape from one, however fast it forks. */
function killAll(tree: readonly number[]): void {
  const groupOf = (pid: number | 'self') => readStat(pid)?.group ?? 0;
  const ours = groupOf('self');
  const groups = new Set(tree.map(groupOf).filter((group) => group > 1 && group !== ours));
  for (const group of groups) send(-group, 'SIGKILL');
  for (const pid of tree) send(pid, 'SIGKILL');
}

/** A negative PID is a group. */
export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it has ended, or is another user's
  }
}
