/**
 * Asks once whether a command serves at an address, and makes sure that it is the one that answers.
 *
 * Linux shows which process has a connection open. A connection is accepted by the new tree if one of its processes has the socket whose
 * local port is the one asked, and whose remote port is ours (/proc/net/tcp). Of a Unix socket, no kernel table shows both ends: there,
 * any connection that the new tree has open on that path counts. A server that hangs up at once leaves nothing to be seen: it counts if
 * the new tree alone has the listening socket.
 * @module
 */

import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { toRaw } from '../../disk/raw-path.ts';
import { platform } from '../../platform/index.ts';
import { listOpenSockets, listTcp, listUnix } from '../../platform/proc-net.ts';
import type { Address } from './address.ts';

export interface Asked {
  readonly address: Address;
  /** With it, the answer to GET has to be 2xx. */
  readonly url?: URL;
  /** The PIDs of the command that is to be ready. */
  readonly pids: () => readonly number[];
  /** Whether nobody runs beside it who could answer in its place. */
  readonly isAlone: boolean;
}

/** A server that takes longer is asked again. */
const ANSWER_MS = 5_000;

/** Null where it serves; else what was seen. Ends when `signal` is aborted. */
export async function probe(asked: Asked, signal: AbortSignal): Promise<string | null> {
  const seen: string[] = [];
  for (const target of toTargets(asked.address)) {
    const why = await askAt(target, asked, signal);
    if (why === null) return null;
    seen.push(why);
  }
  return seen.find((why) => why !== NOBODY) ?? NOBODY;
}

const NOBODY = 'ECONNREFUSED';

async function askAt(target: Target, asked: Asked, signal: AbortSignal): Promise<string | null> {
  const socket = connect(target);
  let isLate = false;
  const stop = () => void socket.destroy();
  const timer = setTimeout(() => {
    isLate = true;
    stop();
  }, ANSWER_MS);
  signal.addEventListener('abort', stop);
  try {
    await until(socket, 'connect');
    return (await whyNotOurs(socket, asked)) ?? (asked.url === undefined ? null : await whyNotWell(socket, asked.url));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return isLate ? `no answer within ${ANSWER_MS} ms` : (code ?? message);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
    socket.destroy();
  }
}

type Target = { path: string } | { host: string; port: number };

/** A port alone may be that of either loopback address. */
function toTargets(address: Address): Target[] {
  if ('path' in address) return [address];
  const { host, port } = address;
  return (host === undefined ? ['127.0.0.1', '::1'] : [host]).map((each) => ({ host: each, port }));
}

function until(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, resolve);
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('no answer')));
  });
}

const FIRST_LOOK_MS = 2;
const MAX_LOOK_MS = 50;

/** Waits until somebody has accepted the connection. Null where that is the command itself, as far as it can be told. */
async function whyNotOurs(socket: Socket, { address, pids, isAlone }: Asked): Promise<string | null> {
  if (!platform.seesWhoAccepts) return null; // what can't be told there was refused (whyAmbiguous)
  const isPath = 'path' in address;
  const giveUpMs = performance.now() + (isPath ? PATH_ACCEPT_MS : ANSWER_MS);
  for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(waitMs * 2, MAX_LOOK_MS)) {
    const tree = new Set(pids().flatMap((pid) => [...listOpenSockets(pid)]));
    const { accepted, listening } = isPath ? lookAtPath(address.path) : lookAtPort(socket);
    if (accepted.some((inode) => tree.has(inode))) return null;
    const own = listOpenSockets('self');
    const isShared = listening.some((inode) => own.has(inode));
    if (!isShared && listening.length > 0 && listening.every((inode) => tree.has(inode))) return null;
    if (isPath && isAlone && !isShared) return null;
    const isAnothers = accepted.some((inode) => inode !== '0') || accepted.length + listening.length === 0;
    if (!isPath && isAnothers) return isAlone ? null : 'an answer, but of another process than the new ones';
    if (socket.destroyed || performance.now() > giveUpMs) return 'a connection that none of the new processes accepts';
    await delay(waitMs);
  }
}

/** The old process may have accepted it, which can't be seen: another connection may come to the new one. */
const PATH_ACCEPT_MS = 100;

interface Look {
  /** The other end of our connection. `0`: nobody has accepted it yet. */
  readonly accepted: readonly string[];
  readonly listening: readonly string[];
}

function lookAtPort({ remotePort = 0, localPort }: Socket): Look {
  const all = listTcp(remotePort);
  return {
    accepted: all.filter((each) => !each.isListening && each.remotePort === localPort).map(({ inode }) => inode),
    listening: all.filter(({ isListening }) => isListening).map(({ inode }) => inode),
  };
}

/** What was bound by a relative name is shown so. */
function lookAtPath(path: string): Look {
  const raw = toRaw(path);
  const isIt = (shown: string) =>
    shown === raw || (!/^[/@]/.test(shown) && raw.endsWith(`/${shown.replace(/^\.\//, '')}`));
  const all = listUnix().filter(({ path: shown }) => isIt(shown));
  return {
    accepted: all.filter(({ isListening }) => !isListening).map(({ inode }) => inode),
    listening: all.filter(({ isListening }) => isListening).map(({ inode }) => inode),
  };
}

/** Null where the answer is 2xx. */
async function whyNotWell(socket: Socket, url: URL): Promise<string | null> {
  const status = await get(url.protocol === 'https:' ? await secure(socket, url) : socket, url);
  return /^2\d\d\b/.test(status) ? null : `the answer ${status}`;
}

/** The code and the words of the status line (RFC 9112, section 4). */
async function get(stream: Socket, url: URL): Promise<string> {
  const head = [`host: ${url.host}`, 'user-agent: distprint', 'connection: close'];
  stream.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n`);
  let text = '';
  for await (const bytes of stream.setEncoding('latin1')) {
    text += bytes;
    const status = /^HTTP\/1\.[01] (\d{3}[^\r\n]{0,100})\r?\n/.exec(text)?.[1];
    if (status !== undefined) return status.trim();
    if (text.length > MAX_STATUS_LINE) break;
  }
  return text === '' ? 'of nothing' : 'that is no HTTP';
}

const MAX_STATUS_LINE = 1_000;

/** The certificate is not looked at: whose process answers is known better. */
async function secure(socket: Socket, { hostname }: URL): Promise<Socket> {
  const isName = /[^\d.]/.test(hostname) && !hostname.startsWith('[');
  const stream = connectTls({ socket, rejectUnauthorized: false, ...(isName && { servername: hostname }) });
  await until(stream, 'secureConnect');
  return stream;
}
