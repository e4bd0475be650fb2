/**
 * File names as the bytes they are.
 *
 * On POSIX a name is any bytes but `/` and NUL, so decoding it as UTF-8 can make two names one. Inside distprint a path
 * is a *raw path*: a string with one character (U+0000 to U+00FF) per byte, as `latin1` gives it, `/` between names.
 * On Windows a name is UTF-16, and its bytes are those of UTF-8. Half a surrogate pair has bytes too, which are no valid UTF-8 (WTF-8).
 * Comparing two raw paths with `<` is comparing their bytes, whatever the locale.
 *
 * A *written path* is what people and manifests see: UTF-8, in which `\` is `\\`, a newline is `\n`, and every other
 * control character, and every byte that is not part of valid UTF-8, is `\xHH` byte by byte (lower-case hex).
 * @module
 */

import { isUtf8 } from 'node:buffer';
import { isWindows, toAbsolute, toNativePath, toSlashes } from '../platform/paths.ts';

const ASCII = /^[\x00-\x7f]*$/;
const PLAIN = /^[\x20-\x5b\x5d-\x7e]*$/;

export function toRaw(path: string): string {
  return ASCII.test(path) ? path : Buffer.from(path, 'utf8').toString('latin1');
}

/** What to hand to `node:fs`: the string itself where it is ASCII, else its bytes. Windows' Node 20 opens no long path by its bytes. */
export function toFsPath(raw: string): string | Buffer {
  if (ASCII.test(raw)) return raw;
  const bytes = Buffer.from(raw, 'latin1');
  return isWindows && isUtf8(bytes) ? bytes.toString() : bytes;
}

/** The raw path of a root: absolute, and without a slash at its end. So `/` has the empty one, and a drive `C:`. */
export function toRoot(path: string): string {
  return toRaw(toSlashes(toAbsolute(path)).replace(/\/$/, ''));
}

/** Where a raw path below `root` (`toRoot`) lies, for `node:fs`. '' is the root itself. */
export function locate(root: string, raw: string): string | Buffer {
  // `C:` alone is whatever directory is the working one of that drive.
  if (raw === '') return toFsPath(root === '' || /^[a-z]:$/i.test(root) ? `${root}/` : root);
  return toFsPath(`${root}/${raw}`);
}

/** A place (`locate`), as messages show it. */
export function showPlace(at: string | Buffer): string {
  return toNativePath(typeof at === 'string' ? at : writePath(at.toString('latin1')));
}

/** The same of many. All are tested together, which is fast, and nearly always enough. */
export function locateAll(root: string, raws: readonly string[]): (string | Buffer)[] {
  if (ASCII.test(root) && ASCII.test(raws.join(''))) return raws.map((raw) => `${root}/${raw}`);
  return raws.map((raw) => locate(root, raw));
}

const hex = (byte: number) => `\\x${byte.toString(16).padStart(2, '0')}`;

/** The length of the valid UTF-8 sequence that starts at `at`, or 0 where none does. */
function sequenceLength(bytes: Buffer, at: number): number {
  const lead = bytes[at] as number;
  const length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  return length > 0 && at + length <= bytes.length && isUtf8(bytes.subarray(at, at + length)) ? length : 0;
}

/** Whether it is written as it is, and `node:fs` takes it as it is. */
export const isPlain = (raw: string) => PLAIN.test(raw);

export function writePath(raw: string): string {
  if (isPlain(raw)) return raw;
  const bytes = Buffer.from(raw, 'latin1');
  let written = '';
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at);
    const char = bytes.toString('utf8', at, at + length);
    if (char === '\\') written += '\\\\';
    else if (char === '\n') written += '\\n';
    else if (length === 0) written += hex(bytes[at] as number);
    else if (/\p{Cc}/u.test(char)) for (const byte of Buffer.from(char)) written += hex(byte);
    else written += char;
    at += length || 1;
  }
  return written;
}

/** A text of somebody else's (a name, a version), written as a path is: on one line, with nothing that a terminal obeys or that turns its direction. */
export const writeText = (text: string): string =>
  writePath(toRaw(text)).replace(/\p{Bidi_Control}/gu, (char) => [...Buffer.from(char)].map(hex).join(''));

/** The raw path that is written so, or undefined where `written` is not how `writePath` writes any path. */
export function readPath(written: string): string | undefined {
  if (isPlain(written)) return written;
  let raw = '';
  for (const part of written.match(/\\(?:\\|n|x[0-9a-f]{2})|[^\\]+|\\/g) ?? []) {
    if (part === '\\') return undefined;
    if (part === '\\\\') raw += '\\';
    else if (part === '\\n') raw += '\n';
    else if (part.startsWith('\\x')) raw += String.fromCharCode(Number.parseInt(part.slice(2), 16));
    else raw += toRaw(part);
  }
  return writePath(raw) === written ? raw : undefined;
}
