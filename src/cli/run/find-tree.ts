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
import { hasInEnvironment, listChildren, readLastPid, readStat } from '../../runner/role/proc.ts';

/**
 * The PIDs of those that live, ascending. One that has ended, and waits for its parent, is none of them.
 * @param rootPid the command's first process. It counts only while it is a child of this process: its PID may be another's by now
 * @param mark as `markEnv` gave it
 */
export const findTree = (rootPid: number, mark: string): number[] =>
  process.platform === 'linux' ? findInProc(rootPid, toRaw(mark)) : findInPs(runPs(), rootPid, mark);

function findInProc(rootPid: number, mark: string): number[] {
  const tree = new Set<number>();
  const add = (pid: number) => {
    const state = tree.has(pid) ? undefined : readStat(pid)?.state;
    if (state === undefined || hasEnded(state)) return;
    tree.add(pid);
    listChildren(pid).forEach(add);
  };
  if (readStat(rootPid)?.parent === process.pid) add(rootPid);
  for (const pid of listPids()) {
    if (pid > 0 && pid !== process.pid && !tree.has(pid) && hasInEnvironment(pid, mark)) add(pid);
  }
  return [...tree].sort((a, b) => a - b);
}

/** The process that was born last of all on this machine, if it has the mark. On Linux only. */
export function findYoungest(mark: string): number | undefined {
  const pid = Number(readLastPid());
  return pid > 0 && hasInEnvironment(pid, toRaw(mark)) ? pid : undefined;
}

function listPids(): number[] {
  try {
    return readdirSync('/proc').map(Number);
  } catch {
    return []; // no /proc is mounted
  }
}

const hasEnded = (state: string) => /^[ZX]/.test(state);

/** macOS shows the environment with `-E`, FreeBSD with `-e`: behind the command's words. */
function runPs(): string {
  const options = [process.platform === 'darwin' ? '-E' : '-e', '-A', '-ww', '-o', 'pid=,ppid=,stat=,command='];
  return spawnSync('ps', options, { encoding: 'latin1', maxBuffer: 64 * 1024 * 1024 }).stdout ?? '';
}

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
