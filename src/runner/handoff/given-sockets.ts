/**
 * The listening sockets that this process was given at its start: by systemd (sd_listen_fds(3), systemd.socket(5)), or by
 * `distprint run --listen`, which hands them over in the same way.
 * @module
 */

import { basename, resolve } from 'node:path';
import { toRaw } from '../../disk/raw-path.ts';
import { inodeOf, listTcp, listUnix } from '../../platform/proc-net.ts';

export const FIRST_GIVEN_FD = 3;

export interface GivenSocket {
  readonly fd: number;
  /** Of `LISTEN_FDNAMES`; `unknown` where it has none. */
  readonly name: string;
  /** Where it listens. Undefined where that can't be told: elsewhere than on Linux, or another kind of socket. */
  readonly address: { readonly host: string; readonly port: number } | { readonly path: string } | undefined;
}

/** What a server asks for. */
export type Wanted = { readonly host?: string | undefined; readonly port: number } | { readonly path: string };

/** None where they are meant for another process: the variables are inherited. */
export function listGiven(env: NodeJS.ProcessEnv): GivenSocket[] {
  const count = Number(env.LISTEN_FDS);
  if (env.LISTEN_PID !== String(process.pid) || !Number.isInteger(count) || count < 1 || count > MAX_GIVEN) return [];
  const names = env.LISTEN_FDNAMES?.split(':') ?? [];
  return Array.from({ length: count }, (_, i) => {
    const fd = FIRST_GIVEN_FD + i;
    return { fd, name: names[i] || 'unknown', address: addressOf(fd) };
  });
}

const MAX_GIVEN = 1_000;

function addressOf(fd: number): GivenSocket['address'] {
  const inode = inodeOf(fd);
  if (inode === undefined) return undefined;
  const tcp = listTcp().find((each) => each.isListening && each.inode === inode);
  if (tcp !== undefined) return { host: tcp.host, port: tcp.port };
  const unix = listUnix().find((each) => each.inode === inode);
  return unix === undefined ? undefined : { path: unix.path };
}

/** The one for this address. The operator who gave it may have narrowed the host, or widened it. */
export function findGiven(given: readonly GivenSocket[], wanted: Wanted): GivenSocket | undefined {
  if ('path' in wanted) {
    const path = toRaw(resolve(wanted.path));
    return given.find(({ address, name }) =>
      address === undefined ? isNamed(name, basename(path)) : 'path' in address && address.path === path,
    );
  }
  const { port, host } = wanted;
  const isPort = ({ address, name }: GivenSocket) =>
    address === undefined ? isNamed(name, String(port)) : 'port' in address && address.port === port;
  const candidates = port === 0 ? [] : given.filter(isPort);
  const hostOf = ({ address }: GivenSocket) => (address !== undefined && 'host' in address ? address.host : undefined);
  const suits = (each: GivenSocket) => isAny(host) || isAny(hostOf(each)) || !/^[\d.]+$|:/.test(host ?? '');
  return candidates.find((each) => hostOf(each) === host) ?? candidates.find(suits);
}

const isNamed = (name: string, wanted: string) => name === toSocketName(wanted);
const isAny = (host: string | undefined) => host === undefined || host === '' || host === '0.0.0.0' || host === '::';

/** What `LISTEN_FDNAMES` may hold: no colon, no control character, at most 255 (systemd.socket(5), `FileDescriptorName=`). */
export const toSocketName = (text: string): string => text.replace(/[^\x21-\x39\x3b-\x7e]/g, '_').slice(0, 255);
