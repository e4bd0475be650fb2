/**
 * Opens the listening sockets of `--listen`, which outlive each process of the command: between two of them, clients wait.
 *
 * This process never accepts a connection. It only binds, by `net._createServerHandle`, on which node:cluster is built: a handle that
 * the event loop does not look at. A child that inherits it calls listen(2), which counts for all who have the socket open, and ends.
 * @module
 */

import { spawnSync } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { existsSync, unlinkSync } from 'node:fs';
import net, { isIP } from 'node:net';
import { basename } from 'node:path';
import { getSystemErrorName } from 'node:util';
import { lstatOrNothing } from '../../disk/stat.ts';
import { DistprintError } from '../../errors.ts';
import { platform } from '../../platform/index.ts';
import { readCommandName } from '../../platform/proc.ts';
import { findWhoHasOpen, listTcp } from '../../platform/proc-net.ts';
import { findGiven, type GivenSocket, listGiven, toSocketName } from '../../runner/handoff/given-sockets.ts';
import { SHELL_NAME } from '../../runner/handoff/launch.ts';
import { answers } from '../../runner/handoff/sockets.ts';
import { escapeControls } from '../../runner/log.ts';
import { type Address, parseAddress } from './address.ts';

export interface OpenSockets {
  /** To be a child's descriptors from 3 on, in this order. */
  readonly fds: readonly number[];
  /** For the child. Without sockets, it has none of these variables. */
  readonly env: Record<string, string>;
  /** Closes those that were opened here, and removes their paths. */
  close(): void;
}

/** They belong to one process, so no other is to inherit them. */
export const LISTEN_VARIABLES = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES'] as const;

/**
 * The command that tells a child its own PID, as systemd would: a shell becomes the program, and so its PID stays. Where the environment
 * has names that a plain shell would drop, bash is taken: without it, those are lost.
 * @param env of the child
 */
export function withListenPid(command: readonly string[], env: NodeJS.ProcessEnv = process.env): string[] {
  const isPlain = Object.keys(env).every((name) => SHELL_NAME.test(name));
  const shell = isPlain || !existsSync(BASH) ? ['/bin/sh'] : [BASH, '-p']; // -p: it runs no file of $BASH_ENV
  return [...shell, '-c', 'LISTEN_PID=$$; export LISTEN_PID; exec "$@"', 'sh', ...command];
}

const BASH = '/bin/bash';

/** Bound, and looked at by nobody. */
interface Handle {
  readonly fd: number;
  getsockname?(out: object): number;
  close(): void;
}

/** An error's number where it fails. It is not documented, and has been the same since Node 0.6. */
type CreateServerHandle = (address: string | null, port: number, addressType: number) => Handle | number;

interface Opened {
  readonly text: string;
  readonly address: Address;
  readonly handle: Handle;
}

/**
 * Those that this process was given by systemd come first, then one for each address that is none of theirs.
 * @param addresses `port`, `host:port`, `[::1]:port` or a path each
 * @param env of this process
 * @throws ERR_DISTPRINT_OPTION where one has no such form, is in use, or can't be had
 */
export async function openSockets(addresses: readonly string[], env: NodeJS.ProcessEnv): Promise<OpenSockets> {
  const given = listGiven(env);
  const wanted = addresses.map((text) => ({ text, address: parseAddress(text, '--listen', FORMS) }));
  refuseTwice(wanted);
  const opened: Opened[] = [];
  const close = () => {
    for (const { handle } of opened.splice(0)) handle.close(); // libuv removes the path that it has bound
  };
  try {
    for (const { text, address } of wanted) {
      if (findGiven(given, address) === undefined) opened.push({ text, address, handle: await bind(text, address) });
    }
    listen(opened);
  } catch (error) {
    close();
    throw error;
  }
  const fds = [...given.map(({ fd }) => fd), ...opened.map(({ handle }) => handle.fd)];
  return { fds, env: fds.length === 0 ? {} : toEnv(given, opened), close };
}

const FORMS = 'write 4000, 127.0.0.1:4000, [::1]:4000 or /run/app.sock';

function toEnv(given: readonly GivenSocket[], opened: readonly Opened[]): Record<string, string> {
  const toName = ({ address }: Opened) =>
    toSocketName('path' in address ? basename(address.path) : String(address.port));
  const names = [...given.map(({ name }) => name), ...opened.map(toName)];
  return { LISTEN_FDS: String(names.length), LISTEN_FDNAMES: names.join(':') };
}

function refuseTwice(wanted: readonly { text: string; address: Address }[]): void {
  const keys = wanted.map(({ address }) => JSON.stringify(address));
  const at = keys.findIndex((key, i) => keys.indexOf(key) !== i);
  if (at !== -1) throw refusal(wanted[at]?.text ?? '', 'it is given twice');
}

async function bind(text: string, address: Address): Promise<Handle> {
  const create = (net as unknown as { _createServerHandle?: CreateServerHandle })._createServerHandle;
  if (!platform.isPosix)
    throw refusal(text, 'Windows passes no socket on; let each process open its own, and leave out --listen');
  if (create === undefined)
    throw refusal(text, 'only Node opens a socket without accepting on it; run distprint with Node');
  if ('path' in address) {
    await removeStale(text, address.path);
    return check(text, address, create(address.path, -1, -1));
  }
  const host = address.host === undefined ? null : await resolveHost(text, address.host);
  return check(text, address, create(host, address.port, host !== null && isIP(host) === 6 ? 6 : 4));
}

/** libuv tells of a port in use only when the socket is asked where it is bound. */
function check(text: string, address: Address, handle: Handle | number): Handle {
  const failed = typeof handle === 'number' ? handle : (handle.getsockname?.({}) ?? 0);
  if (failed === 0) return handle as Handle;
  if (typeof handle !== 'number') handle.close();
  throw whyNot(text, address, getSystemErrorName(failed));
}

async function resolveHost(text: string, host: string): Promise<string> {
  try {
    return (await lookup(host)).address;
  } catch (error) {
    throw refusal(text, `no such host (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** A killed process leaves its path. */
async function removeStale(text: string, path: string): Promise<void> {
  const there = lstatOrNothing(path);
  if (there === undefined) return;
  if (!there.isSocket()) throw refusal(text, 'there is something else than a socket; remove it, or give another path');
  if (await answers(path)) throw whyNot(text, { path }, 'EADDRINUSE');
  try {
    unlinkSync(path);
  } catch (error) {
    throw refusal(text, `nobody answers on what is there, but it can't be removed: ${(error as Error).message}`);
  }
}

/** Prints nothing but the number of the socket, and the error. */
const LISTEN = `
const { createServer } = require('node:net');
let left = Number(process.argv[1]);
for (let i = 0; i < left; ) {
  const at = i++;
  createServer()
    .on('error', ({ code }) => {
      process.stdout.write(at + ' ' + code);
      process.exit(1);
    })
    .listen({ fd: 3 + at, backlog: 511 }, () => --left || process.exit(0));
}`;

function listen(opened: readonly Opened[]): void {
  if (opened.length === 0) return;
  const fds = opened.map(({ handle }) => handle.fd);
  const { status, stdout, stderr, error } = spawnSync(process.execPath, ['-e', LISTEN, String(fds.length)], {
    stdio: ['ignore', 'pipe', 'pipe', ...fds],
    env: {}, // no NODE_OPTIONS
    encoding: 'utf8',
  });
  if (status === 0) {
    fds.forEach(makeBlocking);
    return;
  }
  const [at = '0', code] = stdout.split(' ');
  const { text, address } = (opened[Number(at)] ?? opened[0]) as Opened;
  throw code === undefined ? refusal(text, error?.message ?? stderr) : whyNot(text, address, code);
}

/**
 * systemd's are blocking, and a program may count on that. libuv makes what it opens non-blocking, for all who have it open; and makes a
 * child's stdin blocking.
 */
const makeBlocking = (fd: number) =>
  void spawnSync('/bin/sh', ['-c', ':'], { stdio: [fd, 'ignore', 'ignore'], env: {} });

function whyNot(text: string, address: Address, code: string): DistprintError {
  if (code === 'EADDRINUSE') {
    const owner = 'port' in address ? findOwner(address.port) : undefined;
    const by = owner === undefined ? '' : ` by ${owner}`;
    return refusal(text, `it is in use${by} (EADDRINUSE); end that, or give another address`);
  }
  if (code === 'EACCES' && 'port' in address) {
    return refusal(text, 'this user may not listen there (EACCES); take a port above 1023, or let systemd open it');
  }
  return refusal(text, `it can't be listened on (${code})`);
}

function findOwner(port: number): string | undefined {
  const sockets = listTcp(port).filter(({ isListening }) => isListening);
  const pid = findWhoHasOpen(new Set(sockets.map(({ inode }) => inode)), () => true);
  return pid === undefined ? undefined : `PID ${pid} (${readCommandName(pid)})`;
}

const refusal = (text: string, why: string) =>
  new DistprintError('ERR_DISTPRINT_OPTION', `--listen ${escapeControls(text)}: ${why}`);
