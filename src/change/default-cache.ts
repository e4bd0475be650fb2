/**
 * Where the stat cache of a large executable is kept if nobody says where: a short-lived command in front of it need not read
 * 137 MB each time. A package is read about as fast as its cache.
 * @module
 */

import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { hashText } from '../disk/hash.ts';
import { statOrNothing } from '../disk/stat.ts';
import { isWindows } from '../platform/paths.ts';

/** Bytes. A smaller executable is read in a few milliseconds. */
const LARGE = 8 * 1024 * 1024;

/**
 * A file in `$XDG_CACHE_HOME/distprint`, else in `~/.cache/distprint` (on Windows `%LOCALAPPDATA%\distprint`), which is made if it is
 * missing. Undefined where the executable is
 * small or not there, and where nothing can be kept.
 */
export function defaultCacheFile(executable: string): string | undefined {
  try {
    if ((statOrNothing(executable)?.size ?? 0) < LARGE) return undefined;
    const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
    const folder = join(XDG_CACHE_HOME || (isWindows && LOCALAPPDATA) || join(homedir(), '.cache'), 'distprint');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return join(folder, `${hashText(executable)}.cache`);
  } catch {
    return undefined; // no home, or one that can't be written
  }
}
