/**
 * Entry points: the files that a package.json names for others to run or load. If one is missing, a build has emptied `dist` or has not
 * filled it yet, or an install was cut short.
 * @module
 */

import { join } from 'node:path';
import { STATS_A_PAUSE, statOrNothing } from '../disk/stat.ts';
import { readWholeFile } from '../disk/whole-file.ts';
import { parseJson, toPackagePaths } from '../scan/package-json.ts';
import { PAUSE, type Work } from '../steps.ts';

/** The paths that Node would try, relative to the package's root, `/` between names. One of them must be there. */
export type EntryPoint = readonly [string, ...string[]];

/** The missing ones of the package at `root` (absolute). A published package may lack one for ever. */
export function* findMissingEntryPoints(root: string): Work<EntryPoint[]> {
  const missing: EntryPoint[] = [];
  let count = 0;
  for (const entryPoint of readEntryPoints(root)) {
    if (++count % STATS_A_PAUSE === 0) yield PAUSE;
    if (!entryPoint.some((path) => statOrNothing(join(root, path))?.isFile())) missing.push(entryPoint);
  }
  return missing;
}

/** None where package.json can't be read or understood: the next pass says what is wrong with it. */
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

/** What `main` may leave out: `LOAD_AS_FILE` and `LOAD_INDEX` in Node's documentation of modules. */
const MAIN_SUFFIXES = ['.js', '.json', '.node', '/index.js', '/index.json', '/index.node'];
const toMain = (path: string): EntryPoint => [path, ...MAIN_SUFFIXES.map((suffix) => path + suffix)];

/** The conditions that Node or Bun sets. Others are for tools, and often name files that are not published. */
const CONDITIONS = ['node', 'bun', 'import', 'require', 'module-sync', 'node-addons', 'default'];

/** The files that `exports` names. A pattern or a folder names none; a list offers a choice. */
function toTargets(exports: unknown): string[] {
  if (typeof exports === 'string') return exports.includes('*') || exports.endsWith('/') ? [] : [exports];
  if (typeof exports !== 'object' || exports === null || Array.isArray(exports)) return [];
  return Object.entries(exports).flatMap(([key, target]) =>
    key.startsWith('.') || CONDITIONS.includes(key) ? toTargets(target) : [],
  );
}
