/** A real package for real file-system operations to be drawn on (operations.ts), and what they have in common. */

import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { writeTree } from './temp.ts';

/** A package, and what its links lead to. */
export interface World {
  root: string;
  store: string;
  template: Template;
}

/** What all worlds begin as. */
export interface Template {
  root: string;
  store: string;
  /** A git repository of two commits; the first is the package as it is at the start. */
  repository: string;
  pipe: string;
}

/** Two numbers that pick files, names and contents out of what is there. */
export type Operation = (world: World, a: number, b: number) => void;

/** An old one, as npm gives it to every file: an edit that sets it leaves the mtime as it was. */
const MTIME = 499_162_500;
export const CONTENTS = ['alpha', 'ALPHA', 'alphb', 'a', '', 'longer than the others'];
export const NAMES = ['f0', 'f1', 'f2', 'f3', 'f4'];
export const DIRECTORIES = ['d0', 'd1', 'd2'];
export const pick = <T>(from: readonly T[], n: number): T => from[n % from.length] as T;

export function makeTemplate(base: string): Template {
  const of = (name: string) => join(base, name);
  const template = { root: of('root'), store: of('store'), repository: of('repository'), pipe: of('pipe') };
  const { root, store, repository, pipe } = template;
  const files = { f0: 'alpha', f1: 'ALPHA', f2: '', 'd0/f0': 'a', 'd0/f1': 'alphb', 'd1/d2/f0': 'alpha', 'd1/f3': 'x' };
  writeTree(join(root, 'dist'), files);
  writeTree(root, { 'package.json': { name: 'example', version: '1.0.0' } });
  writeTree(store, { file: 'stored', 'd/f0': 'stored', 'e/f0': 'STORED' });
  execFileSync('mkfifo', [pipe]);
  fs.symlinkSync('../../store/file', join(root, 'dist/l0'));
  fs.symlinkSync('../../store/d', join(root, 'dist/l1'));
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@localhost'];
  const git = (...args: string[]) => execFileSync('git', [...toGitArguments(repository, root), ...identity, ...args]);
  git('init', '-q', '--template=', '-b', 'main');
  git('add', '-A');
  git('commit', '-qm', '1');
  git('checkout', '-qb', 'other');
  writeTree(join(root, 'dist'), { f0: 'other', 'd0/f9': 'other' });
  fs.rmSync(join(root, 'dist/f1'));
  git('add', '-A');
  git('commit', '-qm', '2');
  git('checkout', '-q', 'main');
  for (const file of list({ root }, 'file')) age(file);
  return template;
}

/** The repository lies apart, so that the worlds can share it. */
export const toGitArguments = (repository: string, root: string): string[] => [
  `--git-dir=${repository}`,
  `--work-tree=${root}`,
];

export function makeWorld(base: string, template: Template): World {
  for (const name of ['root', 'store'] as const) copyTree(template[name], join(base, name), true);
  return { root: join(base, 'root'), store: join(base, 'store'), template };
}

export function copyTree(from: string, to: string, preserveTimestamps: boolean): void {
  fs.cpSync(from, to, { recursive: true, preserveTimestamps, verbatimSymlinks: true });
}

export const age = (path: string) => fs.utimesSync(path, MTIME, MTIME);

/** Absolute paths in dist, links not followed. */
export function list({ root }: Pick<World, 'root'>, kind: 'file' | 'directory' | 'link'): string[] {
  const found = fs.readdirSync(join(root, 'dist'), { withFileTypes: true, recursive: true });
  const ofKind = found.filter((entry) =>
    kind === 'file' ? entry.isFile() : kind === 'link' ? entry.isSymbolicLink() : entry.isDirectory(),
  );
  return ofKind.map((entry) => join(entry.parentPath, entry.name)).sort();
}

/** Does it to a file that is there; where none is, nothing. */
export const toFile =
  (change: (path: string, b: number, world: World) => void): Operation =>
  (world, a, b) => {
    const files = list(world, 'file');
    if (files.length > 0) change(pick(files, a), b, world);
  };

export const toDirectory =
  (change: (path: string, b: number, world: World) => void): Operation =>
  (world, a, b) => {
    const directories = list(world, 'directory');
    if (directories.length > 0) change(pick(directories, a), b, world);
  };

export function anyDirectory(world: World, n: number): string {
  return pick([join(world.root, 'dist'), ...list(world, 'directory')], n);
}

export function replaceBy(path: string, content: string | Buffer): void {
  const other = join(dirname(path), '.new');
  fs.writeFileSync(other, content);
  age(other);
  fs.renameSync(other, path);
}

export const readPackage = ({ root }: World) =>
  JSON.parse(fs.readFileSync(join(root, 'package.json'), 'utf8')) as object;
export const packageOf = ({ root }: World) => join(root, 'package.json');
