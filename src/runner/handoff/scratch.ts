/**
 * A folder for what a rehearsal puts on disk. Its predecessor removes what a killed one left.
 * @module
 */

import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const prefixOf = (pid: number) => `distprint-rehearsal-${pid}-`;

/** A new folder, for this process alone. */
export function makeScratch(): string {
  const folder = mkdtempSync(join(tmpdir(), prefixOf(process.pid)));
  process.once('exit', () => remove(folder));
  return folder;
}

export function removeScratchOf(pid: number): void {
  try {
    for (const name of readdirSync(tmpdir())) if (name.startsWith(prefixOf(pid))) remove(join(tmpdir(), name));
  } catch {
    // the folder can't be listed
  }
}

/** Never what another user made: removing a tree while its owner moves it may remove others. */
function remove(folder: string): void {
  try {
    if (lstatSync(folder).uid === (process.getuid?.() ?? 0)) rmSync(folder, { recursive: true, force: true });
  } catch {
    // it is gone, or can't be removed
  }
}
