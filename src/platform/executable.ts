/**
 * Checks, before an exec, that it can't fail: Node 22 and 24 abort where `process.execve` fails, with nothing to catch.
 * @module
 */

import { accessSync, closeSync, constants, fstatSync, openSync, statSync } from 'node:fs';
import { platform } from './index.ts';

/** Why the file can't be executed; null where nothing speaks against it. The format is examined on Linux only. */
export function whyNotExecutable(file: string | Buffer): string | null {
  try {
    accessSync(file, constants.X_OK);
    const fd = openSync(file, 'r');
    try {
      return platform.whyNotFormat(fd, fstatSync(fd).size);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    return (error as Error).message;
  }
}

/** Why nothing can be started there; null where it can. */
export function whyNotDirectory(directory: string | Buffer): string | null {
  try {
    accessSync(directory, constants.X_OK);
    return statSync(directory).isDirectory() ? null : `${directory} is no directory`;
  } catch (error) {
    return (error as Error).message;
  }
}
