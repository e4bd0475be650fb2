import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { isWindows } from './needs.ts';
import { makeTempToRemove, removeTree, type Tree, writeTree } from './temp.ts';

/** An empty directory for all tests of a file, to be called outside of any. It is gone after them, failed or not. */
export function makeSharedTemp(): string {
  const path = makeTempToRemove();
  afterAll(() => removeTree(path));
  return path;
}

/** A package at `root`. */
export function writePackage(root: string, tree: Tree): string {
  mkdirSync(root, { recursive: true });
  writeTree(root, { 'package.json': { name: 'example', version: '1.2.3' }, ...tree });
  return root;
}

/** Writes as many bytes as are there, in place, and sets the times as they were. */
export function overwriteUnseen(path: string, content: string): void {
  const { size } = statSync(path);
  if (Buffer.byteLength(content) !== size) throw new Error(`${content} has not the ${size} bytes of ${path}`);
  const times = `${path}.times`;
  writeFileSync(times, '');
  copyTimes(path, times);
  writeFileSync(path, content);
  copyTimes(times, path);
  rmSync(times);
}

/** Puts another file in its place, of the same mtime, as an atomic writer or an installer does. */
export function replace(path: string, content: string): void {
  const other = `${path}.new`;
  writeFileSync(other, content);
  copyTimes(path, other);
  renameSync(other, path);
}

/** With the real `touch -r`. Windows has none: there only a whole number of milliseconds is the same again. */
function copyTimes(from: string, to: string): void {
  if (!isWindows) return void execFileSync('touch', ['-r', from, to]);
  const { atime, mtime } = statSync(from);
  utimesSync(to, atime, mtime);
}

export const npmRetired = (modules: string, name: string): string => join(modules, `.${name}-q0Zx91Kb`);
