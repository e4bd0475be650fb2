/**
 * `folder-hash`, the usual npm package for this job, in a warm Node of its own. In the bench's process it is slower (typescript: 45 ms,
 * not 33), and whoever is timed next would pay for its garbage.
 *
 * It runs with default options, but leaves out the root's package.json, as our manifest does.
 */

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { Contender } from '../../src/cli/bench/measure.ts';
import type { Corpus } from '../subjects/corpora.ts';
import { startChild } from '../timing/children.ts';

interface Hashed {
  ms: number;
  files: number;
}

/** Warms up before the first answer. */
const SOURCE = `
  import folderHash from ${JSON.stringify(pathToFileURL(createRequire(import.meta.url).resolve('folder-hash')).href)};
  const WARM_MS = 500;
  const count = (node) => (node.children ? node.children.reduce((sum, child) => sum + count(child), 0) : 1);
  const known = new Set();
  async function answer(path) {
    const options = { files: { exclude: [path + '/package.json'], matchBasename: false, matchPath: true } };
    const hash = async () => {
      const started = performance.now();
      const node = await folderHash.hashElement(path, options);
      return { ms: performance.now() - started, files: count(node) };
    };
    let hashed = await hash();
    for (let ms = hashed.ms; ms < WARM_MS && !known.has(path); ms += hashed.ms) hashed = await hash();
    known.add(path);
    return hashed;
  }`;

let child: ((path: string) => Promise<Hashed>) | undefined;

/** @throws if it does not hash as many files as `expected` */
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
