import { spawnSync } from 'node:child_process';
import { it } from 'vitest';

const told = new Set<string>();

/** `it` where `available`; elsewhere the test is skipped, and stderr says why, once. */
export function needs(what: string, available: boolean): typeof it.skip {
  if (!available && !told.has(what)) {
    told.add(what);
    process.stderr.write(`skipped: needs ${what}\n`);
  }
  return it.skipIf(!available);
}

/** Whether a program can be run here. */
export const hasProgram = (name: string): boolean => spawnSync('which', [name]).status === 0;

/** Whether this command can be run here, and succeeds. */
export const succeeds = (file: string, ...args: string[]): boolean => spawnSync(file, args).status === 0;

export const isRoot = process.getuid?.() === 0;
export const isPosix = process.platform !== 'win32';
