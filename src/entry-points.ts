/**
 * The files that a package.json names for others to run or to load. A build that emptied `dist`, or has not filled it yet, and
 * an install that was cut short, show in one that is not there.
 * @module
 */

import { join } from 'node:path';
import { statOrNothing } from './stat.ts';
import { readWholeFile } from './whole-file.ts';

/**
 * The first entry point of the package at `root` (absolute) that is not there, as package.json writes it; undefined where all
 * are, or where package.json can't be read. A published package may lack one for ever.
 */
export function findMissingEntryPoint(root: string): string | undefined {
  let fields: Record<string, unknown>;
  try {
    const text = readWholeFile(join(root, 'package.json')).bytes.toString();
    fields = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch {
    return undefined; // the next pass will say what is wrong with it
  }
  const { bin, main, exports } = fields;
  const isThere = (target: string) => statOrNothing(join(root, target))?.isFile() === true;
  if (typeof main === 'string' && !MAIN_SUFFIXES.some((suffix) => isThere(main + suffix))) return main;
  const bins = typeof bin === 'object' && bin !== null ? Object.values(bin) : [bin];
  return [...bins, ...toTargets(exports)]
    .filter((target) => typeof target === 'string')
    .find((target) => !isThere(target));
}

/** What `main` may leave unsaid: `LOAD_AS_FILE` and `LOAD_INDEX` of Node's documentation of modules. */
const MAIN_SUFFIXES = ['', '.js', '.json', '.node', '/index.js', '/index.json', '/index.node'];
/** Those of `exports` that Node or Bun itself sets. Others are for tools, and often lead to files that are not published. */
const CONDITIONS = ['node', 'bun', 'import', 'require', 'module-sync', 'node-addons', 'default'];

/** The files of an `exports`. A pattern names none, and a list offers a choice. */
function toTargets(exports: unknown): unknown[] {
  if (typeof exports === 'string') return exports.includes('*') ? [] : [exports];
  if (typeof exports !== 'object' || exports === null || Array.isArray(exports)) return [];
  return Object.entries(exports).flatMap(([key, target]) =>
    key.startsWith('.') || CONDITIONS.includes(key) ? toTargets(target) : [],
  );
}
