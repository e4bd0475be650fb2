/**
 * Finds all processes of a command: those that have its mark in their environment (mark.ts), its first process, and whoever descends
 * from one of them. So a process is missed only if it took off its environment, and its parent ended before anybody looked.
 *
 * On Linux /proc shows that (proc(5)); elsewhere ps(1), which shows an environment to its own user and to root.
 * @module
 */

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { toRaw } from '../../disk/raw-path.ts';
import { readEnvironment, readStat } from '../../runner/role/proc.ts';

export interface TreeProcess {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
}

interface Seen extends TreeProcess {
  readonly hasMark: () => boolean;
}

/**
 * Those that live, in the order of their PIDs. One that has ended, and waits for its parent, is none of them.
 * @param rootPid the command's first process. It counts only while it is a child of this process: its PID may be another's by now
 */
export function findTree(rootPid: number, mark: string): TreeProcess[] {
  const all = process.platform === 'linux' ? listFromProc(mark) : listFromPs(mark);
  const children = groupByParent(all);
  const found = new Map<number, TreeProcess>();
  const add = (each: Seen) => {
    if (found.has(each.pid)) return;
    found.set(each.pid, { pid: each.pid, parent: each.parent, group: each.group });
    for (const child of children.get(each.pid) ?? []) add(child);
  };
  for (const each of all) if ((each.pid === rootPid && each.parent === process.pid) || each.hasMark()) add(each);
  return [...found.values()].sort((a, b) => a.pid - b.pid);
}

function groupByParent(all: readonly Seen[]): Map<number, Seen[]> {
  const children = new Map<number, Seen[]>();
  for (const each of all) children.set(each.parent, [...(children.get(each.parent) ?? []), each]);
  return children;
}

/** No process of ours is older than this one. That spares reading the environment of nearly all others. */
const ownStart = Number(readStat('self')?.startTicks ?? 0);

function listFromProc(mark: string): Seen[] {
  const rawMark = toRaw(mark);
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    const stat = Number.isInteger(pid) && pid !== process.pid ? readStat(pid) : undefined;
    if (stat === undefined || Number(stat.startTicks) < ownStart || hasEnded(stat.state)) return [];
    const hasMark = () => readEnvironment(pid)?.some((entry) => entry.startsWith(rawMark)) === true;
    return [{ pid, parent: stat.parent, group: stat.group, hasMark }];
  });
}

const hasEnded = (state: string) => /^[ZX]/.test(state);

/** BSD's way to say it, which macOS, FreeBSD and procps understand. The environment stands behind the command's words. */
const PS = ['-A', '-ww', '-o', 'pid=,ppid=,pgid=,stat=,command='];

function listFromPs(mark: string): Seen[] {
  const { stdout } = spawnSync('ps', [process.platform === 'darwin' ? '-E' : '-e', ...PS], {
    encoding: 'latin1',
    maxBuffer: 64 * 1024 * 1024,
  });
  return parsePs(stdout ?? '', mark);
}

export function parsePs(text: string, mark: string): Seen[] {
  return text.split('\n').flatMap((line) => {
    const [, pid, parent, group, state = 'Z', command = ''] =
      line.match(/^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/) ?? [];
    if (hasEnded(state) || Number(pid) === process.pid) return [];
    return [
      { pid: Number(pid), parent: Number(parent), group: Number(group), hasMark: () => command.includes(` ${mark}`) },
    ];
  });
}
