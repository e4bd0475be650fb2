/**
 * Addresses as operators write them: `4000`, `127.0.0.1:4000`, `[::1]:4000`, `/run/app.sock`.
 * @module
 */

import { isIPv6 } from 'node:net';
import { resolve } from 'node:path';
import { DistprintError } from '../../errors.ts';
import { isPipe, isWindows } from '../../platform/paths.ts';
import { escapeControls } from '../../runner/log.ts';

export type Address = { readonly path: string } | { readonly host: string | undefined; readonly port: number };

/** What fits into `sun_path` of all platforms (unix(7), macOS's 104). */
const MAX_PATH_BYTES = 103;

/**
 * @param option named in the error
 * @param forms what to write, for people
 * @throws ERR_DISTPRINT_OPTION
 */
export function parseAddress(text: string, option: string, forms: string): Address {
  const refuse = (why: string): never => {
    throw new DistprintError('ERR_DISTPRINT_OPTION', `${option} ${escapeControls(JSON.stringify(text))}: ${why}`);
  };
  if (text.includes('\0')) return refuse(`a NUL is no part of an address; ${forms}`);
  if (isPipe(text)) return { path: text };
  if (text.includes('/') && isWindows)
    return refuse('Windows has no sockets at paths; write a port, or \\\\.\\pipe\\NAME');
  if (text.includes('/')) {
    const path = resolve(text);
    const bytes = Buffer.byteLength(path);
    return bytes > MAX_PATH_BYTES
      ? refuse(`the path has ${bytes} bytes, and a socket's may have ${MAX_PATH_BYTES}`)
      : { path };
  }
  const [, bracketed, plain, digits = ''] = /^(?:(?:\[([^\]]*)\]|([^:[\]]*)):)?(\d+)$/.exec(text) ?? [];
  if (digits === '') return refuse(isIPv6(text.replace(/:\d+$/, '')) ? 'write [::1]:4000' : `no address; ${forms}`);
  if (bracketed !== undefined && !isIPv6(bracketed)) return refuse(`[${bracketed}] is no IPv6 address`);
  const port = Number(digits);
  if (port < 1 || port > 65_535) return refuse('a port is a number from 1 to 65535');
  return { host: (bracketed ?? plain) || undefined, port };
}
