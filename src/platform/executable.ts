/**
 * Checks, before an exec, that it can't fail: Node 22 and 24 abort where `process.execve` fails, with nothing to catch.
 * @module
 */

import { spawnSync } from 'node:child_process';
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

/** It says its version within some milliseconds. One that doesn't was started all the same. */
const SAYS_VERSION_MS = 1_000;

/**
 * Why the kernel doesn't start a runtime; null where it does. Only the kernel knows of all who have it open for writing, and it says so
 * to whoever starts it.
 */
export function whyNotStarted(runtime: string, cwd: string): string | null {
  const options = { cwd, stdio: 'ignore', timeout: SAYS_VERSION_MS, killSignal: 'SIGKILL' } as const;
  const { error } = spawnSync(runtime, ['--version'], options);
  const { code, message = '' }: Partial<NodeJS.ErrnoException> = error ?? {};
  if (error === undefined || code === 'ETIMEDOUT') return null;
  return code === 'ETXTBSY' ? `somebody still has it open for writing: ${message}` : message;
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
