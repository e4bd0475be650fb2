/** The processes of a site (site.ts), as the kernel shows them. */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { identify } from '../../src/platform/process-id.ts';

/** SIGKILL, and waits until it is gone: that takes its time on a busy machine. */
export async function kill(pid: number): Promise<void> {
  signal(pid, 'SIGKILL');
  while (identify(pid) !== undefined) await sleep(1);
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Those that have ended and were not waited for have no environment any more. */
export function listProcesses(mark: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => readProc(pid, 'environ').split('\0').includes(mark) && identify(pid) !== undefined);
}

function readProc(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return ''; // it has ended
  }
}

export function describeProcess(pid: number): string {
  const [state = '?'] = readProc(pid, 'stat').split(') ').slice(1);
  return `${state[0]} ${readProc(pid, 'cmdline').replaceAll('\0', ' ').slice(0, 200)}`;
}

const LISTEN = '0A'; // proc(5), /proc/net/tcp

/** What the kernel calls the sockets that listen. Dear to ask for: 10 ms. */
export function listListening(): Set<string> {
  const rows = readFileSync('/proc/net/tcp', 'latin1').trim().split('\n').slice(1);
  const listening = rows.map((row) => row.trim().split(/\s+/)).filter((fields) => fields[3] === LISTEN);
  return new Set(listening.map((fields) => `socket:[${fields[9]}]`));
}

export function holdsAny(pid: number, sockets: Set<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return sockets.has(readlinkSync(`/proc/${pid}/fd/${fd}`));
      } catch {
        return false; // closed meanwhile
      }
    });
  } catch {
    return false; // it has ended
  }
}
