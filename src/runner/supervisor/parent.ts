/**
 * Tells whether the parent waits for this process, or only reaps it: an init that took it in when whoever started it had ended.
 *
 * A parent that can't be read may wait: `hidepid=2` and a system without /proc hide it, and one outside this PID namespace is 0.
 * @module
 */

import { basename } from 'node:path';
import { platform } from '../../platform/index.ts';
import { listChildren, readStat } from '../../platform/proc.ts';

export interface Parent {
  /** For people. */
  readonly name: string;
  /** The first 15 bytes of its command's name. */
  readonly command: string | undefined;
  /** Its command line, as one text. */
  readonly words: string;
  /** Whether it is known to have taken this process in. */
  readonly isFoster: boolean;
  /** Whether it may act when this process ends. */
  readonly waits: boolean;
}

/** At import: the parent may end later. */
const firstParent = process.ppid;

export function readParent(): Parent {
  const { ppid } = process;
  const { command, words = '' } = platform.readFacts(ppid) ?? {};
  const isFoster = isOrphan();
  const waits = !(isFoster && ppid === 1) && !isInit(ppid, words) && !isInitOfAnother(ppid, words);
  const name = ppid === 0 ? 'a process outside this container' : `${command ?? 'process'} ${ppid}`;
  return { name, command, words, isFoster, waits };
}

/**
 * Whether somebody else than its parent started this process. fork(2) hands the session on, and setsid(2) makes a leader. So in a
 * session of its own that it does not lead, it is no child of its parent's. A leader shows nothing, unless its parent ended since.
 */
function isOrphan(): boolean {
  if (process.ppid !== firstParent) return true;
  const mine = platform.readFacts(process.pid)?.session;
  const parents = platform.readFacts(process.ppid)?.session;
  if (mine === undefined || parents === undefined) return false;
  return mine !== process.pid && mine !== parents;
}

/** As inits are started: `/sbin/init`, `init [2]`, `/lib/systemd/systemd --user`. `/init` may be any program. */
const INIT = /^(?:\S*\/(?:s?bin|systemd)\/)?(?:systemd|init|openrc-init|runit|s6-svscan|dinit|finit)(?: |$)/;
const USER_MANAGER = /^(?:\S*\/)?systemd --user(?: |$)/;

/** Reaps whatever it takes in, and waits for its own services only. */
function isInit(pid: number, words: string): boolean {
  return pid === 1 ? INIT.test(words) : USER_MANAGER.test(words);
}

const CONTAINER_INITS = new Set(['tini', 'tini-static', 'docker-init', 'podman-init', 'dumb-init', 'catatonit']);

/** An init of a container starts one child before all others, and ends with it. So whoever has an older sibling is not the one. */
function isInitOfAnother(pid: number, words: string): boolean {
  if (!CONTAINER_INITS.has(basename(words.split(' ', 1)[0] as string))) return false;
  return listChildren(pid).some((child) => child !== process.pid && isOlder(child, process.pid));
}

/** A tick is 10 ms; within one, PIDs ascend. */
function isOlder(a: number, b: number): boolean {
  const [ticksOfA, ticksOfB] = [a, b].map((pid) => Number(readStat(pid)?.startTicks)) as [number, number];
  return ticksOfA < ticksOfB || (ticksOfA === ticksOfB && a < b);
}
