/**
 * Waits for the children that this process had before exec: waitpid(2). A runtime waits only for those that it started itself, so each
 * of them would be a zombie from its end to ours. Bun can call the C library; Node can't.
 * @module
 */

import { readFileSync } from 'node:fs';
import { platform } from './index.ts';

type Waitpid = (pid: number, status: null, options: number) => number;

const WNOHANG = 1;
let waitpid: Waitpid | null | undefined;

/** Whether children would be zombies after exec. */
export function leavesZombies(): boolean {
  return platform.hasChildren() && loadWaitpid() === null;
}

/** Each once it has ended. None where this runtime can't. */
export function reapAll(pids: readonly number[]): void {
  const wait = pids.length === 0 ? null : loadWaitpid();
  if (wait === null) return;
  let left = pids;
  const reap = () => {
    left = left.filter((pid) => wait(pid, null, WNOHANG) === 0);
    if (left.length === 0) process.off('SIGCHLD', reap);
  };
  process.on('SIGCHLD', reap);
  reap();
}

interface Ffi {
  dlopen(path: string, symbols: { waitpid: object }): { symbols: { waitpid: Waitpid } };
}

function loadWaitpid(): Waitpid | null {
  waitpid ??= tryLoadWaitpid();
  return waitpid;
}

function tryLoadWaitpid(): Waitpid | null {
  if (process.versions.bun === undefined) return null;
  try {
    const { dlopen } = (process.getBuiltinModule as unknown as (id: string) => Ffi)('bun:ffi');
    // The one that is loaded already: a bare name would also be looked for in the working directory.
    const path = readFileSync('/proc/self/maps', 'utf8').match(
      /\/\S*\/(?:libc\.so\.6|libc-[\d.]+\.so|ld-musl-\S+)$/m,
    )?.[0];
    return dlopen(path as string, { waitpid: { args: ['i32', 'ptr', 'i32'], returns: 'i32' } }).symbols.waitpid;
  } catch {
    return null;
  }
}
