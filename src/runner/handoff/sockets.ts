/**
 * The runner's listening sockets. Where the runtime allows it, they are passed on open, so that a port answers without a gap.
 * @module
 */

import { closeSync } from 'node:fs';
import type { ListenOptions, Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { errnoOf } from '../../errors.ts';
import type { Handoff } from './protocol.ts';

type Passed = Handoff['sockets'];

export interface Sockets {
  /** As `server.listen`; on the predecessor's socket where it passed on one of that port. A port of 0 stays the one it was. */
  listen(server: Server, options: ListenOptions): Promise<void>;
  /** The open ports, with the descriptors to pass on. Null where the runtime shows none (Bun's http). */
  readonly open: () => { port: number; fd: number | null }[];
  /** Stops listening. Open connections stay. */
  release(): void;
  /** Listens again. */
  resume(): Promise<void>;
  /** Waits until the open connections have ended, for `timeoutMs` at most. */
  drain(timeoutMs: number): Promise<void>;
  /** Closes sockets that were passed on and that nobody listens on. */
  dropUnused(): void;
}

interface Listening {
  readonly server: Server;
  readonly options: ListenOptions;
  readonly port: number;
  closed: Promise<void> | null;
}

const PORT_WAIT_MS = 5_000;

export function createSockets(passed: Passed): Sockets {
  const unused = [...passed];
  const all: Listening[] = [];

  async function listen(server: Server, options: ListenOptions): Promise<void> {
    const at = unused.findIndex(({ port }) => !options.port || port === Number(options.port));
    const [before] = at === -1 ? [] : unused.splice(at, 1);
    const { fd } = before ?? { fd: null };
    await (fd === null
      ? listenOn(server, { ...options, port: before?.port ?? options.port })
      : listenOnce(server, { fd }));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    all.push({ server, options, port, closed: null });
  }

  return {
    listen,
    open: () => all.map(({ server, port }) => ({ port, fd: descriptorOf(server) })),
    release() {
      for (const each of all) {
        each.closed ??= new Promise((resolve) => each.server.close(() => resolve()));
        if ('closeIdleConnections' in each.server) (each.server.closeIdleConnections as () => void)();
      }
    },
    async resume() {
      for (const each of all) {
        if (each.closed === null) continue;
        each.closed = null;
        await listenOn(each.server, each.port === 0 ? each.options : { ...each.options, port: each.port });
      }
    },
    async drain(timeoutMs) {
      const closed = Promise.all(all.map((each) => each.closed));
      await Promise.race([closed, delay(timeoutMs, undefined, { ref: false })]);
    },
    dropUnused() {
      for (const { fd } of unused.splice(0)) if (fd !== null) closeSync(fd);
    },
  };
}

/** Whoever had the port may be about to let go of it. */
async function listenOn(server: Server, options: ListenOptions): Promise<void> {
  const deadlineMs = performance.now() + PORT_WAIT_MS;
  for (;;) {
    try {
      return await listenOnce(server, options);
    } catch (error) {
      if (errnoOf(error) !== 'EADDRINUSE' || performance.now() > deadlineMs) throw error;
      await delay(5);
    }
  }
}

/** Leaves no listener behind: it may be called many times until a port is free. */
function listenOnce(server: Server, options: ListenOptions | { fd: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const listening = () => {
      server.off('error', failed);
      resolve();
    };
    const failed = (error: Error) => {
      server.off('listening', listening);
      reject(error);
    };
    server.once('listening', listening).once('error', failed).listen(options);
  });
}

/** Node has shown it on a private object since its first version. Without it, the port is let go and taken again. */
function descriptorOf(server: Server): number | null {
  const handle = (server as { _handle?: { fd?: number } | null })._handle;
  return typeof handle?.fd === 'number' && handle.fd >= 0 ? handle.fd : null;
}
