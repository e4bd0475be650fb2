import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { makeTempToRemove, removeTree } from './temp-dir.ts';

export { makeTempToRemove, removeTree };

/** An empty directory that is gone when the test is over, failed or not. */
export function makeTemp(): string {
  const path = makeTempToRemove();
  onTestFinished(() => removeTree(path));
  return path;
}

/** Takes a directory away that others write into: file by file, it would not be empty at the end. */
export function removeAtOnce(path: string): void {
  const away = `${path}.away`;
  renameSync(path, away);
  rmSync(away, { recursive: true });
}

/** Content by relative path. An object is written as JSON. */
export type Tree = Record<string, string | Uint8Array | object>;

export function writeTree(root: string, tree: Tree): void {
  for (const [path, content] of Object.entries(tree)) {
    const at = join(root, path);
    mkdirSync(dirname(at), { recursive: true });
    const isBytes = typeof content === 'string' || content instanceof Uint8Array;
    writeFileSync(at, isBytes ? content : JSON.stringify(content, null, 2));
  }
}

/** A plain directory of these files, in a temporary directory of its own. */
export function makeDirectory(tree: Tree): string {
  const root = join(makeTemp(), 'root');
  mkdirSync(root);
  writeTree(root, tree);
  return root;
}

/** The same with a `package.json`, unless `tree` brings its own. */
export function makePackage(tree: Tree): string {
  return makeDirectory({ 'package.json': { name: 'example', version: '1.2.3' }, ...tree });
}
