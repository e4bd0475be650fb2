/**
 * Which sockets Linux knows, and who has them open: /proc/net/tcp, tcp6 and unix (proc_pid_net(5)), /proc/PID/fd. Elsewhere, none.
 * @module
 */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { endianness } from 'node:os';
import { listPids, orUndefined } from './proc.ts';

export interface TcpSocket {
  /** Without a zone. An IPv4 address that is mapped into IPv6 is written as IPv4. */
  readonly host: string;
  readonly port: number;
  readonly remotePort: number;
  readonly isListening: boolean;
  /** `0` where no process has it open: a connection that nobody has accepted yet, or that was closed. */
  readonly inode: string;
}

export interface UnixSocket {
  /** As it was bound. An abstract name begins with `@`. */
  readonly path: string;
  readonly isListening: boolean;
  readonly inode: string;
}

/** Those of this network namespace; with `port`, those that have it at this end. */
export function listTcp(port?: number): TcpSocket[] {
  const ending = port === undefined ? ':' : `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) =>
    readTable(table, ending).flatMap((line) => {
      const [, local = '', remote = '', state, , , , , , inode] = line.trim().split(/\s+/);
      if (inode === undefined || (port !== undefined && !local.endsWith(ending))) return [];
      const [host = '', hexPort = ''] = local.split(':');
      if (hexPort.length !== 4) return []; // the heading
      const remotePort = toPort(remote.split(':')[1]);
      return [{ host: toHost(host), port: toPort(hexPort), remotePort, isListening: state === '0A', inode }];
    }),
  );
}

const toPort = (hex = '') => Number.parseInt(hex, 16);

/** Those of this network namespace that are bound to a name, or were accepted from one that is. */
export function listUnix(): UnixSocket[] {
  return readTable('/proc/net/unix', ' ').flatMap((line) => {
    const [, flags = '', inode = '', path] = line.match(/^\S+: \S+ \S+ (\S+) \S+ \S+ +(\d+) (.+)$/) ?? [];
    return path === undefined ? [] : [{ path, isListening: (Number.parseInt(flags, 16) & ACCEPTS) !== 0, inode }];
  });
}

/** `__SO_ACCEPTCON` of the kernel's linux/net.h. */
const ACCEPTS = 0x10000;

/** The inodes of the sockets that a process has open. Empty where that may not be seen. */
export function listOpenSockets(pid: number | 'self'): Set<string> {
  const folder = `/proc/${pid}/fd`;
  const fds = orUndefined(() => readdirSync(folder)) ?? []; // it has ended, or is another user's
  return new Set(fds.flatMap((fd) => findInode(`${folder}/${fd}`) ?? []));
}

/** A process that has one of these sockets open, among those that are in question. */
export const findWhoHasOpen = (inodes: ReadonlySet<string>, isAsked: (pid: number) => boolean): number | undefined =>
  inodes.size === 0
    ? undefined
    : listPids().find((pid) => isAsked(pid) && [...listOpenSockets(pid)].some((inode) => inodes.has(inode)));

/** The inode of the socket that an entry of /proc/PID/fd leads to. */
const findInode = (entry: string): string | undefined =>
  orUndefined(() => /^socket:\[(\d+)\]$/.exec(readlinkSync(entry))?.[1]); // it may be closed meanwhile

/** The inode of an open socket of this process. */
export const inodeOf = (fd: number): string | undefined => findInode(`/proc/self/fd/${fd}`);

const readTable = (table: string, part: string): string[] =>
  (orUndefined(() => readFileSync(table, 'latin1').split('\n')) ?? []).filter((line) => line.includes(part));

/** Four bytes a word, as the machine holds them in memory. */
function toHost(hex: string): string {
  const words = hex.match(/.{8}/g) ?? [];
  const bytes = words.flatMap((word) => {
    const four = [...Buffer.from(word, 'hex')];
    return endianness() === 'LE' ? four.reverse() : four;
  });
  const isMapped = bytes.length === 16 && bytes.slice(0, 12).join(' ') === '0 0 0 0 0 0 0 0 0 0 255 255';
  if (bytes.length === 4 || isMapped) return bytes.slice(-4).join('.');
  const groups = bytes.flatMap((byte, i) => (i % 2 === 0 ? [((byte << 8) | (bytes[i + 1] ?? 0)).toString(16)] : []));
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1); // the short form
}
