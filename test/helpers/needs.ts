import { spawnSync } from 'node:child_process';
import { it } from 'vitest';

export const isWindows = process.platform === 'win32';
export const isPosix = !isWindows;
export const isWine = isWindows && process.env.WINEPREFIX !== undefined;

const told = new Set<string>();

/**
 * `it`, for a test that uses a tool. Where the tool is missing, the test is skipped, and stderr says why, once.
 * @throws with CI=true on Linux, so that the gate fails instead: .ci/run installs every tool
 */
export function needs(tool: string, available: boolean): typeof it.skip {
  if (!available && process.env.CI === 'true' && process.platform === 'linux')
    throw new Error(`needs ${tool}, and CI=true: .ci/run has to install it`);
  return onlyWith(tool, available);
}

/** `it`, for a test about a platform, a user or their rights. Elsewhere it is skipped, and stderr says why, once. */
export function onlyWith(what: string, isHere: boolean): typeof it.skip {
  if (!isHere && !told.has(what)) {
    told.add(what);
    process.stderr.write(`skipped${isWindows ? ' on Windows' : ''}: needs ${what}\n`);
  }
  return it.skipIf(!isHere);
}

/** Whether a program can be run here. On Windows none counts: Git's are not those that the tests are about. */
export const hasProgram = (name: string): boolean => isPosix && spawnSync('which', [name]).status === 0;

/** Whether this command can be run here, and succeeds. */
export const succeeds = (file: string, ...args: string[]): boolean => spawnSync(file, args).status === 0;

export const isRoot = process.getuid?.() === 0;
/** Those that a file may have here. Says which are left out. */
export function legalNames<T extends string>(names: readonly T[]): T[] {
  const legal = names.filter((name) => isPosix || !/[<>:"|?*\\\x00-\x1f]/.test(name));
  if (legal.length < names.length) process.stderr.write(`left out on Windows: names that Win32 forbids\n`);
  return legal;
}
