/**
 * The trace by which we see that git is at work on a working tree: it holds `index.lock` while it checks files out (git's lockfile.h).
 * Watchman waits for the same (`defer_vcs`).
 * @module
 */

import { dirname, join, resolve } from 'node:path';
import { statOrNothing } from '../../disk/stat.ts';
import { readWholeFile } from '../../disk/whole-file.ts';

/** In milliseconds. A git that was killed leaves its lock behind, and `git commit` may hold one while an editor is open. */
const FORGOTTEN_MS = 10_000;

/** The lock of the repository around an absolute path. Undefined where there is none, or one that was forgotten. */
export function findGitLock(path: string): string | undefined {
  const repository = findRepository(join(path, '.git'));
  if (repository === undefined) return dirname(path) === path ? undefined : findGitLock(dirname(path));
  const lock = join(repository, 'index.lock');
  const stats = statOrNothing(lock);
  return stats !== undefined && Math.abs(Date.now() - stats.mtimeMs) < FORGOTTEN_MS ? lock : undefined;
}

/** A folder, or the file that names one: in a worktree, or a submodule (gitrepository-layout(5)). */
function findRepository(at: string): string | undefined {
  const stats = statOrNothing(at);
  if (stats === undefined || stats.isDirectory()) return stats && at;
  try {
    const [, named] = /^gitdir: (.*)$/m.exec(readWholeFile(at).bytes.toString()) ?? [];
    return named === undefined ? undefined : resolve(dirname(at), named);
  } catch {
    return undefined; // gone or not ours to read: then it tells nothing
  }
}
