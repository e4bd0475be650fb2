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

/** The path of a trace of work in progress on the package at `root` (absolute), or undefined where there is none. */
export function findWorkInProgress(root: string): string | undefined {
  for (let directory = root; dirname(directory) !== directory; directory = dirname(directory)) {
    const parent = dirname(directory);
    const isInstalled = [basename(parent), basename(dirname(parent))].includes('node_modules');
    if (!isInstalled) continue;
    const retired = findRetired(parent, basename(directory));
    if (retired !== undefined) return join(parent, retired);
  }
  return undefined;
}

function findRetired(parent: string, name: string): string | undefined {
  const prefix = `.${name}-`;
  let siblings: string[];
  try {
    siblings = readdirSync(parent);
  } catch {
    return undefined; // gone or not ours to list: then it tells nothing
  }
  return siblings.find(
    (sibling) => sibling.startsWith(prefix) && /^[A-Za-z0-9]{8}$/.test(sibling.slice(prefix.length)),
  );
}
