/**
 * Things that must be measured in a process of their own, as module sources for `node --input-type=module`. Plain
 * JavaScript in strings, since no loader may stand between that process and what it measures.
 */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Bench } from './context.ts';

/** Runs a module's source in a fresh Node and parses the last line that it prints. */
export function runChild<T>(source: string): T {
  const { status, stdout, stderr, error } = spawnSync(process.execPath, ['--input-type=module', '--eval', source], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  if (status !== 0) throw new Error(`a measured process failed (exit ${status}): ${error?.message ?? stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as T;
}

/** `import { … } from` this, in a child's source. */
export function toImport(bench: Bench, module: string): string {
  return JSON.stringify(pathToFileURL(join(bench.dist, module)).href);
}
