/**
 * The files that a package.json names for others to run or to load. A build that emptied `dist`, or has not filled it yet, and
 * an install that was cut short, show in one that is not there.
 * @module
 */

import { join } from 'node:path';
import { STATS_A_PAUSE, statOrNothing } from '../disk/stat.ts';
import { readWholeFile } from '../disk/whole-file.ts';
import { parseJson, toPackagePaths } from '../scan/subject.ts';
import { PAUSE, type Work } from '../steps.ts';

/** The paths in the package (relative to its root, `/` between names) of which one has to be there: all that Node would try. */
export type EntryPoint = readonly [string, ...string[]];

/** Those of the package at `root` (absolute) that are not there. A published package may lack one for ever. */
export function* findMissingEntryPoints(root: string): Work<EntryPoint[]> {
  const missing: EntryPoint[] = [];
  let count = 0;
  for (const entryPoint of readEntryPoints(root)) {
    if (++count % STATS_A_PAUSE === 0) yield PAUSE;
    if (!entryPoint.some((path) => statOrNothing(join(root, path))?.isFile())) missing.push(entryPoint);
  }
  return missing;
}

/** None, where package.json can't be read or made sense of: the next pass will say what is wrong with it. */
function readEntryPoints(root: string): EntryPoint[] {
  try {
    const { bin, main, exports } = parseJson(readWholeFile(join(root, 'package.json')).bytes.toString());
    const named = [...toPackagePaths(bin), ...toTargets(exports).flatMap(toPackagePaths)].map(
      (path): EntryPoint => [path],
    );
    if (exports !== undefined || typeof main !== 'string') return named; // Node then looks at no `main`
    return [...named, ...toPackagePaths(main).map(toMain)];
  } catch {
    return [];
  }
}

/** What `main` may leave unsaid: `LOAD_AS_FILE` and `LOAD_INDEX` of Node's documentation of modules. */
const MAIN_SUFFIXES = ['.js', '.json', '.node', '/index.js', '/index.json', '/index.node'];
const toMain = (path: string): EntryPoint => [path, ...MAIN_SUFFIXES.map((suffix) => path + suffix)];

/** Those of `exports` that Node or Bun itself sets. Others are for tools, and often lead to files that are not published. */
const CONDITIONS = ['node', 'bun', 'import', 'require', 'module-sync', 'node-addons', 'default'];

/** The files of an `exports`. A pattern or a folder names none, and a list offers a choice. */
function toTargets(exports: unknown): string[] {
  if (typeof exports === 'string') return exports.includes('*') || exports.endsWith('/') ? [] : [exports];
  if (typeof exports !== 'object' || exports === null || Array.isArray(exports)) return [];
  return Object.entries(exports).flatMap(([key, target]) =>
    key.startsWith('.') || CONDITIONS.includes(key) ? toTargets(target) : [],
  );
}
