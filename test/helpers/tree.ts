import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll } from 'vitest';
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

/** Writes as many bytes as are there, in place, and sets the times as they were, with the real `touch -r`. */
export function overwriteUnseen(path: string, content: string): void {
  const { size } = statSync(path);
  if (Buffer.byteLength(content) !== size) throw new Error(`${content} has not the ${size} bytes of ${path}`);
  const times = `${path}.times`;
  execFileSync('touch', ['-r', path, times]);
  writeFileSync(path, content);
  execFileSync('touch', ['-r', times, path]);
  execFileSync('rm', [times]);
}

/** Puts another file in its place, of the same mtime, as an atomic writer or an installer does. */
export function replace(path: string, content: string): void {
  const other = `${path}.new`;
  writeFileSync(other, content);
  execFileSync('touch', ['-r', path, other]);
  renameSync(other, path);
}

export const npmRetired = (modules: string, name: string): string => join(modules, `.${name}-q0Zx91Kb`);
