/**
 * `folder-hash`, the usual npm package for this, in a warm Node of its own: in ours the loader of TypeScript would make it a third slower,
 * and what it leaves to the garbage collector would be paid by whoever is timed after it.
 *
 * Default options, but for the one file that our manifest leaves out: the root's package.json.
 */

import { createRequire } from 'node:module';
import { startChild } from './children.ts';
import type { Corpus } from './corpora.ts';
import type { Contender } from './measure.ts';

interface Hashed {
  ms: number;
  files: number;
}

const SOURCE = `
  import folderHash from ${JSON.stringify(createRequire(import.meta.url).resolve('folder-hash'))};
  const known = new Set();
  async function answer(path) {
    const options = { files: { exclude: [path + '/package.json'], matchBasename: false, matchPath: true } };
    const hash = () => folderHash.hashElement(path, options);
    for (const started = performance.now(); !known.has(path) && performance.now() - started < 500; ) await hash();
    known.add(path);
    await hash(); // uncounted, as measure.ts has it
    const started = performance.now();
    const node = await hash();
    const ms = performance.now() - started;
    const count = (node) => (node.children ? node.children.reduce((sum, child) => sum + count(child), 0) : 1);
    return { ms, files: count(node) };
  }`;

let child: ((path: string) => Promise<Hashed>) | undefined;

/** @throws where it does not hash so many files */
export async function toFolderHash({ name, path }: Corpus, expected: number): Promise<Contender> {
  const hash = async () => {
    child ??= startChild(SOURCE);
    const { ms, files } = await child(path);
    if (files !== expected) throw new Error(`${name}: folder-hash hashed ${files} files, we ${expected}`);
    return ms;
  };
  await hash();
  return { name: 'folder-hash', run: { elsewhere: hash } };
}
