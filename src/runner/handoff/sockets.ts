/**
 * The runner's listening sockets. Where the runtime allows it, they are passed on open, so that a port answers without a gap.
 * @module
 */

import { closeSync, renameSync } from 'node:fs';
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import { connect, type ListenOptions, Server, type Socket } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import { randomHex } from '../../disk/random-name.ts';
import { lstatOrNothing } from '../../disk/stat.ts';
import { errnoOf } from '../../errors.ts';
import { platform } from '../../platform/index.ts';
import { findGiven, listGiven } from './given-sockets.ts';
import type { PassedSocket } from './protocol.ts';

type Passed = readonly PassedSocket[];

export interface Sockets {
  /**
   * As `server.listen`; on the predecessor's socket where it listened on the same host and port, or path; else on the one for that
   * address that this process was given at its start. A port of 0 stays the one it was.
   */
  listen(server: Server, options: ListenOptions): Promise<void>;
  /** The open sockets, with the descriptors to pass on. Null where the runtime shows none (Bun's http). */
  readonly open: () => Passed;
  /** The descriptors to pass on: of all sockets or of none. */
  share(): readonly number[];
  /** Whether one was given to this process, or to its predecessor, at the start. */
  readonly areGiven: () => boolean;
  /** Stops listening, but on what was given: that can't be listened on again. Open connections stay, and the next answer of each asks for its end. */
  release(): void;
  /** Listens again. */
  resume(): Promise<void>;
  /** Stops listening altogether. Closes idle connections, and waits until the others have ended, for `timeoutMs` at most. */
  drain(timeoutMs: number): Promise<void>;
  /** Closes sockets that were passed on and that nobody listens on. */
  dropUnused(): void;
}

interface Listening {
  readonly server: Server;
  /** What has the socket: the server, or on Bun what stands before its HTTP server. */
  readonly front: Server;
  readonly options: ListenOptions;
  readonly port: number;
  /** Whoever gave it goes on listening, so the address can't be listened on anew. */
  readonly isGiven: boolean;
  readonly connections: ReadonlySet<Socket>;
  /** Since it was released: when it stops listening, and when all of its connections have ended. */
  released: { stopped: Promise<void>; ended: Promise<void> } | null;
}

const PORT_WAIT_MS = 5_000;
const UNHEARD_POLL_MS = 10;

/** @param onBusy told where somebody else, the predecessor say, still listens on a port */
export function createSockets(passed: Passed, onBusy: () => void = () => {}): Sockets {
  let unused = [...passed];
  let given = listGiven(process.env);
  const all: Listening[] = [];

  /** What holds a port is the predecessor's socket, or what it passed on of that, for another host. */
  function letGo(port: number): void {
    const isHeld = (socket: PassedSocket) => socket.port === port && socket.fd !== null;
    for (const { fd } of unused.filter(isHeld)) closeSync(fd as number);
    unused = unused.map((socket) => (isHeld(socket) ? { ...socket, fd: null } : socket));
    onBusy();
  }

  async function listen(server: Server, options: ListenOptions): Promise<void> {
    const asked = toAsked(options);
    const at = unused.findIndex((socket) => socket.asked === asked);
    const [before] = at === -1 ? [] : unused.splice(at, 1);
    const mine = before?.fd == null ? takeGiven(options) : undefined;
    const fd = before?.fd ?? mine?.fd ?? null;
    const front = fd === null ? server : toFront(server);
    if (fd !== null) await listenOnce(front, { fd });
    else if (isPath(options)) await listenOnPath(server, options, before !== undefined);
    else if (isGiven(options)) await listenOnce(server, options);
    else await listenOn(server, { ...options, port: before?.port ?? options.port }, letGo);
    const address = front.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const fromOutside = isGiven(options) || mine !== undefined || before?.isGiven === true;
    all.push({
      server,
      front,
      options,
      port,
      isGiven: fromOutside,
      connections: trackConnections(server),
      released: null,
    });
  }

  function takeGiven(options: ListenOptions) {
    if (isGiven(options)) return undefined; // the host has chosen by itself
    const { host, port = 0 } = options;
    const found = findGiven(given, isPath(options) ? { path: options.path } : { host, port });
    given = given.filter((each) => each !== found);
    return found;
  }

  return {
    listen,
    open: () =>
      all.map(({ front, options, port, isGiven: isFromOutside }) => ({
        asked: toAsked(options),
        port,
        fd: descriptorOf(front),
        ...(isFromOutside && { isGiven: true }),
      })),
    share() {
      const descriptors = all.map(({ front }) => descriptorOf(front)).filter((fd) => fd !== null);
      return descriptors.length === all.length ? descriptors : [];
    },
    areGiven: () => all.some((each) => each.isGiven),
    release() {
      for (const each of all) if (!each.isGiven) each.released ??= stopListening(each);
    },
    async resume() {
      for (const each of all) {
        if (each.released === null) continue;
        await each.released.stopped;
        each.released = null;
        each.server.off('request', askForEnd);
        if (isPath(each.options)) await listenOnPath(each.server, each.options, true);
        else await listenOn(each.server, each.port === 0 ? each.options : { ...each.options, port: each.port });
      }
    },
    async drain(timeoutMs) {
      const deadlineMs = performance.now() + timeoutMs;
      for (const each of all) each.released ??= stopListening(each);
      // On Node 26 a connection whose first request is still on its way counts as idle.
      while (all.some(hasUnheard) && performance.now() < deadlineMs) await delay(UNHEARD_POLL_MS);
      for (const { server } of all) if ('closeIdleConnections' in server) (server as HttpServer).closeIdleConnections();
      const ended = Promise.all(all.map((each) => each.released?.ended));
      await Promise.race([ended, delay(Math.max(0, deadlineMs - performance.now()), undefined, { ref: false })]);
    },
    dropUnused() {
      for (const { fd } of unused.splice(0)) if (fd !== null) closeSync(fd);
    },
  };
}

function trackConnections(server: Server): ReadonlySet<Socket> {
  const connections = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  return connections;
}

const hasUnheard = ({ connections }: Listening) => [...connections].some(({ bytesRead }) => bytesRead === 0);

/** Bun's HTTP server binds a port of its own whatever descriptor it is given, and says nothing (oven-sh/bun #22559). It takes connections. */
const toFront = (server: Server): Server =>
  server instanceof Server ? server : new Server((socket) => (server as Server).emit('connection', socket));

function stopListening({ server, front, options }: Listening): NonNullable<Listening['released']> {
  const { promise: ended, resolve } = withResolvers();
  const stop = () => {
    server.prependListener('request', askForEnd);
    // Not `server.close`: on Node 26 that of HTTP also ends a connection whose first request is still on its way.
    if (front instanceof Server) Server.prototype.close.call(front, resolve);
    else (front as Server).close(resolve); // Bun's HTTP server is none of `node:net`
  };
  // Whoever connected to a path before the successor took it may still wait to be accepted: the next poll of the event loop does that.
  if (isPath(options)) return { stopped: turn().then(turn).then(stop), ended };
  stop();
  return { stopped: Promise.resolve(), ended };
}

/** A client that keeps its connection is told to make a new one, which the successor gets. */
function askForEnd({ httpVersionMajor }: IncomingMessage, response: ServerResponse): void {
  if (httpVersionMajor === 1) response.setHeader('connection', 'close');
}

/** As `Promise.withResolvers`, which Node 20 lacks. */
function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** What the host asked for. Not the port alone: a public and an admin address may share one. */
function toAsked(options: ListenOptions): string {
  if (isPath(options)) return `unix ${resolve(options.path)}`;
  if (isGiven(options)) return `fd ${options.fd}`;
  return `tcp ${options.host ?? ''} ${options.port ?? options.path ?? 0}`;
}

/** By socket activation, say. */
const isGiven = (options: ListenOptions): options is ListenOptions & { fd: number } =>
  (options as { fd?: unknown }).fd !== undefined;

/** A Unix socket that has a name on disk; an abstract one starts with NUL. Windows' pipes have none. */
const isPath = (options: ListenOptions): options is ListenOptions & { path: string } =>
  options.path !== undefined && !options.path.startsWith('\0') && platform.isPosix;

/**
 * Listens on a name of its own, which is then renamed to the path. So the path never stops answering, a stale socket is replaced, and
 * libuv, which unlinks the name that it listens on when it closes, never unlinks the successor's.
 * @param isOurs whether a predecessor listens there, who will leave
 */
async function listenOnPath(server: Server, options: ListenOptions & { path: string }, isOurs: boolean): Promise<void> {
  const { path } = options;
  const there = lstatOrNothing(path);
  if (there !== undefined && (!there.isSocket() || (!isOurs && (await answers(path)))))
    throw Object.assign(new Error(`listen EADDRINUSE: address already in use ${path}`), {
      code: 'EADDRINUSE',
      syscall: 'listen',
      address: path,
    });
  const own = join(dirname(path), `.${randomHex(4)}.sock`);
  await listenOnce(server, { ...options, path: own });
  renameSync(own, path);
}

/** Whether somebody listens on a path. Also one that is too busy (EAGAIN), or that lets us not in (EACCES). */
export const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) => resolve(!['ECONNREFUSED', 'ENOENT'].includes(errnoOf(error) ?? '')));
  });

/** Whoever had the port may be about to let go of it. */
async function listenOn(server: Server, options: ListenOptions, onBusy = (_port: number) => {}): Promise<void> {
  const deadlineMs = performance.now() + PORT_WAIT_MS;
  for (let isFirst = true; ; isFirst = false) {
    try {
      return await listenOnce(server, options);
    } catch (error) {
      if (errnoOf(error) !== 'EADDRINUSE' || performance.now() > deadlineMs) throw error;
      if (isFirst) onBusy(Number(options.port));
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
