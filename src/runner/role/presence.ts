/**
 * Shows that a runner lives, where no file can: its folder was deleted, or is read-only.
 *
 * The lock holder listens on a socket in Linux's abstract namespace (unix(7)), whose name stands for the user and the state file. The
 * kernel takes it away with the process, and exec closes it. Any user may take the name, so a socket counts only where a process of
 * ours has it open. Network namespaces have sockets of their own, and so has every other platform none: there the lock alone counts.
 * @module
 */

import { realpathSync } from 'node:fs';
import type { Server } from 'node:net';
import { basename, dirname, join, resolve } from 'node:path';
import { hashText } from '../../disk/hash.ts';
import { platform } from '../../platform/index.ts';
import { readOwner } from '../../platform/proc.ts';
import { findWhoHasOpen, listUnix, type UnixSocket } from '../../platform/proc-net.ts';
import type { ProcessId } from '../../platform/process-id.ts';
import { lightBeacon, listenAside } from './beacon.ts';
import { lockBaseOf } from './state-file.ts';

export interface Presence {
  /** Listens, unless it does so already. Where it can't, nothing happens. */
  show(): Promise<void>;
  /** Another process is about to be the runner. */
  hide(): void;
  /** The PID of another process of this user that shows the same. */
  findOther(): number | undefined;
}

export function createPresence(stateFile: string, me: ProcessId): Presence {
  if (!platform.hasAbstractSockets) return { show: async () => {}, hide() {}, findOther: () => undefined };
  const name = toName(stateFile);
  let server: Server | undefined;
  let beacon: Server | undefined;
  return {
    async show() {
      server ??= await listenAside(`\0${name}`);
      beacon ??= await lightBeacon(lockBaseOf(stateFile), me);
    },
    hide() {
      server?.close();
      beacon?.close();
      server = undefined;
      beacon = undefined;
    },
    findOther: () => findOwner(name),
  };
}

function toName(stateFile: string): string {
  const subject = `${process.getuid?.()} ${toRealPath(resolve(stateFile))}`;
  return `distprint-${hashText(subject)}`;
}

/** Of what does not exist, the part that does is resolved. */
function toRealPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(toRealPath(parent), basename(path));
  }
}

function findOwner(name: string): number | undefined {
  // Root may look into everybody's processes.
  return findWhoHasOpen(findSockets(name), (pid) => pid !== process.pid && readOwner(pid) === process.getuid?.());
}

/** Node 20 fills names with NULs, which are shown as `@`. */
function findSockets(name: string): Set<string> {
  const isIt = ({ path }: UnixSocket) => path.replace(/@+$/, '') === `@${name}`;
  return new Set(
    listUnix()
      .filter(isIt)
      .map(({ inode }) => inode),
  );
}
