/**
 * The runner's log: a line is one line, whatever stands in it.
 * @module
 */

import { writeSync } from 'node:fs';
import { toRaw, writePath } from '../disk/raw-path.ts';

/**
 * A message on one line, with nothing that a terminal would obey: names and versions come from a package.json, and a newline in one
 * could forge a line of its own.
 */
export const escapeControls = (message: string) => message.replace(/\p{Cc}/gu, (control) => writePath(toRaw(control)));

/** Each line goes to the host, else to stderr. */
export function createLog(hosts: ((line: string) => void) | undefined): (line: string) => void {
  const log = hosts ?? logToStderr;
  return (line) => log(escapeControls(line));
}

/** Not through `process.stderr`: once its reader is gone, a write there ends the process. */
function logToStderr(line: string): void {
  try {
    writeSync(2, `distprint: ${line}\n`);
  } catch {
    // EPIPE, EAGAIN: nobody reads
  }
}
