/**
 * Runs module sources in a Node of their own (`node --input-type=module`).
 * The sources are plain JavaScript in strings: a loader would be measured too.
 * @module
 */

import { spawnSync } from 'node:child_process';

export const toModuleArgs = (source: string): string[] => ['--input-type=module', '--eval', source];
export const moduleEnv = (): NodeJS.ProcessEnv => ({ ...process.env, NODE_OPTIONS: '' });

/**
 * Runs a module's source in a fresh Node and parses the last line that it prints.
 * @throws if it fails, or is ended by a signal
 */
export function runChild<T>(source: string, flags: readonly string[] = []): T {
  const args = [...flags, ...toModuleArgs(source)];
  const { status, stdout, stderr, error } = spawnSync(process.execPath, args, { encoding: 'utf8', env: moduleEnv() });
  if (status !== 0) throw new Error(`a measured process failed (exit ${status}): ${error?.message ?? stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as T;
}
