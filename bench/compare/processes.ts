/**
 * The processes of a tool and of what it runs: found by a mark in their environment, which all that they start inherits. So also one is found
 * that left its parent and its session, and all end when the bench does. Linux only.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasEnded, hasInEnvironment, listChildren, listPids, readStat } from '../../src/platform/proc.ts';

const NAME = 'DISTPRINT_COMPARE';
const OF_THIS_RUN = `${process.pid}-`;
let marks = 0;
const END_MS = 10_000;

/** For the environment of one tool. */
export const createMark = (): string => `${OF_THIS_RUN}${++marks}-`;
export const toMarked = (mark: string): Record<string, string> => ({ [NAME]: mark });

/** The PIDs of those that live. */
export function findMarked(mark: string): number[] {
  return listPids().filter((pid) => pid !== process.pid && isAlive(pid) && hasInEnvironment(pid, `${NAME}=${mark}`));
}

export function isAlive(pid: number): boolean {
  const stat = readStat(pid);
  return stat !== undefined && !hasEnded(stat.state);
}

/**
 * Ends all, also those that are started meanwhile.
 * @throws where some can't be ended
 */
export async function endMarked(mark: string): Promise<void> {
  const startedMs = performance.now();
  for (let quiet = 0; quiet < 2; ) {
    if (performance.now() - startedMs > END_MS) throw new Error('processes of a tool do not end by SIGKILL');
    const found = findMarked(mark);
    for (const pid of found) kill(pid);
    quiet = found.length === 0 ? quiet + 1 : 0;
    await sleep(20);
  }
}

/** As long as this process lives, and when it ends, nothing of it may be left. */
export function endAllAtExit(): void {
  process.once('exit', () => {
    for (let looks = 0; looks < 50; looks++) {
      const found = findMarked(OF_THIS_RUN);
      if (found.length === 0) return;
      for (const pid of found) kill(pid);
    }
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended
  }
}

/** It and all below it. */
export const listTree = (pid: number): number[] => [pid, ...listChildren(pid).flatMap(listTree)];

/** Milliseconds of the processor that its living threads have used, to the nanosecond (the first field of schedstat). */
export function readCpuMs(pid: number): number {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const used = threads.map((id) => Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8').split(' ')[0]));
    return used.reduce((sum, each) => sum + each, 0) / 1e6;
  } catch {
    return 0;
  }
}

export function readRssMiB(pid: number): number {
  try {
    const [, kib = '0'] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kib) / 1024;
  } catch {
    return 0;
  }
}
