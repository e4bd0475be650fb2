/**
 * The runner's log: a line is one line, whatever stands in it.
 * @module
 */

import { writeSync } from 'node:fs';
import { writeText } from '../disk/raw-path.ts';

/**
 * A message on one line, with nothing that a terminal would obey, or that turns its direction: names and versions come from a
 * package.json, and a newline in one could forge a line of its own.
 */
export const escapeControls = (message: string) => message.replace(/[\p{Cc}\p{Bidi_Control}]/gu, writeText);

/** JSON on one line. JSON itself lets C1 control characters through, which some terminals obey. */
export const toJsonLine = (value: unknown) =>
  JSON.stringify(value).replace(/[\x7f-\x9f]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`);

/** Each line goes to the host, else to stderr. */
export function createLog(hosts: ((line: string) => void) | undefined): (line: string) => void {
  const log = hosts ?? ((line) => writeLine(2, `distprint: ${line}`));
  return (line) => log(escapeControls(line));
}

/**
 * Not through Node's streams: once the reader is gone, a write there ends the process; and they make a pipe non-blocking, for all who share
 * it.
 */
export function writeLine(fd: number, line: string): void {
  try {
    writeSync(fd, `${line}\n`);
  } catch {
    // EPIPE, EAGAIN: nobody reads
  }
}
