/**
 * The traces on disk by which we see that npm is at work, or was killed at it.
 *
 * npm moves each package that it replaces to `.NAME-HASH` beside it (8 letters or digits: @npmcli/arborist, retire-path.js), and removes
 * that when all is in place. A killed npm leaves it behind, beside a tree that may be torn. pnpm swaps a link, so nothing is ever torn.
 * bun and yarn leave no such trace.
 * @module
 */

import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { statOrNothing } from '../disk/stat.ts';

/** The path of npm's trace beside the package at `root` (absolute). Undefined where there is none. */
export function findWorkInProgress(root: string): string | undefined {
  for (const directory of installedAt(root)) {
    const retired = findRetired(dirname(directory), basename(directory));
    if (retired !== undefined) return join(dirname(directory), retired);
  }
  return undefined;
}

/**
 * When an entry was last added to, or removed from, a directory that holds one of `installed`: in milliseconds since 1970, 0 where there
 * is none. When npm repairs what a killed npm left, it removes the old trace before it retires the torn tree. In that moment nothing
 * else shows that it is at work.
 */
export function lastInstallMs(installed: readonly string[]): number {
  return Math.max(0, ...installed.map((directory) => statOrNothing(dirname(directory))?.ctimeMs ?? 0));
}

/** The directories at and above `root` (absolute) that a package manager installed. */
export function installedAt(root: string): string[] {
  const installed: string[] = [];
  for (let directory = root; dirname(directory) !== directory; directory = dirname(directory)) {
    const parent = dirname(directory);
    if ([basename(parent), basename(dirname(parent))].includes('node_modules')) installed.push(directory);
  }
  return installed;
}

function findRetired(parent: string, name: string): string | undefined {
  const prefix = `.${name}-`;
  let siblings: string[];
  try {
    siblings = readdirSync(parent);
  } catch {
    return undefined; // gone or not ours to list: then it tells nothing
  }
  const retired = siblings.find(
    (sibling) => sibling.startsWith(prefix) && /^[A-Za-z0-9]{8}$/.test(sibling.slice(prefix.length)),
  );
  return retired === undefined || isForgotten(parent, retired) ? undefined : retired;
}

/** What package managers write into `node_modules` at the end of an install. bun writes nothing, and takes a torn tree for installed. */
const WRITTEN_LAST = ['.package-lock.json', '.modules.yaml', '.yarn-integrity', '.yarn-state.yml'];

/**
 * Whether a later install was finished by a manager that does not know this trace: pnpm or yarn, or npm in a project that was moved
 * (the name holds a hash of the path). Nobody will ever remove it.
 */
function isForgotten(parent: string, retired: string): boolean {
  const modules = basename(parent) === 'node_modules' ? parent : dirname(parent);
  const timeOf = (path: string, time: 'mtimeMs' | 'ctimeMs') => statOrNothing(path)?.[time] ?? 0;
  const retiredMs = timeOf(join(parent, retired), 'ctimeMs');
  return WRITTEN_LAST.some((name) => timeOf(join(modules, name), 'mtimeMs') > retiredMs);
}
