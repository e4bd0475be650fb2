/**
 * Tells another container that this runner lives, or that it has ended.
 *
 * A container that is started again right after a crash finds the lock of a process in a PID namespace that is gone, with a fresh
 * heartbeat. To wait for the next heartbeat would be to be offline. So a runner in a container listens on a socket beside its lock,
 * which the kernel connects across namespaces: of a process that has ended, the file is left, and a connection is refused.
 * @module
 */

import { mkdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { dirname } from 'node:path';
import { hashText } from '../../disk/hash.ts';
import { errnoOf } from '../../errors.ts';
import { isInContainer, isOfThisBoot, type ProcessId } from '../../platform/process-id.ts';

const toPath = (lockBase: string, { pid, started }: ProcessId) => `${lockBase}.${hashText(`${pid} ${started}`)}.sock`;

/** Resolves with what takes it away; undefined where none is needed, or none can be had (a long path, a disk without sockets). */
export function lightBeacon(lockBase: string, me: ProcessId): Promise<Server | undefined> {
  if (!isInContainer()) return Promise.resolve(undefined);
  const path = toPath(lockBase, me);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    rmSync(path, { force: true }); // our own, of before an exec
  } catch {
    return Promise.resolve(undefined); // a read-only folder
  }
  return listenAside(path);
}

/** A server that hangs up on everybody, and keeps no process alive. Undefined where the path can't be listened on. */
export function listenAside(path: string): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((connection) => connection.destroy());
    server.on('error', () => resolve(undefined));
    // Exclusive: in a worker of node:cluster, the primary would listen.
    server.listen({ path, exclusive: true }, () => resolve(server));
    server.unref();
  });
}

/** Whether a process of this machine's boot lives, wherever its PID counts. Undefined where its beacon can't tell. */
export function seesBeacon(lockBase: string, other: ProcessId): Promise<boolean | undefined> {
  if (!isOfThisBoot(other)) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const socket = connect(toPath(lockBase, other));
    const end = (isLit: boolean | undefined) => {
      socket.destroy();
      resolve(isLit);
    };
    socket.setTimeout(CONNECT_MS, () => end(undefined));
    socket.once('connect', () => end(true));
    socket.once('error', (error) => end(errnoOf(error) === 'ECONNREFUSED' ? false : undefined));
  });
}

/** The kernel connects at once; a full queue makes it wait. */
const CONNECT_MS = 1_000;
