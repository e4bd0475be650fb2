/**
 * What a package manager leaves visible on disk while it works.
 *
 * npm moves each package that it replaces aside, to `.NAME-HASH` beside it (8 letters or digits: @npmcli/arborist,
 * retire-path.js), and removes that when all is in place. A killed npm leaves it there, and with it a tree that may be torn.
 * pnpm swaps a link, so nothing is ever torn; bun and yarn leave no such trace.
 * @module
 */

import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { statOrNothing } from '../disk/stat.ts';

/** The path of a trace of work in progress on the package at `root` (absolute), or undefined where there is none. */
export function findWorkInProgress(root: string): string | undefined {
  for (const directory of installedAt(root)) {
    const retired = findRetired(dirname(directory), basename(directory));
    if (retired !== undefined) return join(dirname(directory), retired);
  }
  return undefined;
}

/**
 * When something was last put into, or taken out of, a directory in which a package manager keeps one of `installed`, in
 * milliseconds since 1970; 0 where none does. An npm that repairs what a killed one left first removes the old trace, and
 * only then retires the torn tree: in that moment nothing else tells that it is at work.
 */
export function lastInstallMs(installed: readonly string[]): number {
  return Math.max(0, ...installed.map((directory) => statOrNothing(dirname(directory))?.ctimeMs ?? 0));
}

/** The directories at and above `root` (absolute) that a package manager put where they are. */
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

/** What package managers write at the end of an install, in `node_modules`. bun writes nothing, and takes a torn tree for installed. */
const WRITTEN_LAST = ['.package-lock.json', '.modules.yaml', '.yarn-integrity', '.yarn-state.yml'];

/**
 * Whether an install was finished after this was retired, by a manager that doesn't know it: pnpm or yarn, or npm in a
 * project that was moved meanwhile (the name is a hash of the path). Nobody will ever remove it then.
 */
function isForgotten(parent: string, retired: string): boolean {
  const modules = basename(parent) === 'node_modules' ? parent : dirname(parent);
  const timeOf = (path: string, time: 'mtimeMs' | 'ctimeMs') => statOrNothing(path)?.[time] ?? 0;
  const retiredMs = timeOf(join(parent, retired), 'ctimeMs');
  return WRITTEN_LAST.some((name) => timeOf(join(modules, name), 'mtimeMs') > retiredMs);
}
