/**
 * What is installed, found out in the most naive way: everything is listed and read again, every time. It shares no code with
 * the library, and hashes with another algorithm.
 */

import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';

export interface Model {
  version: string;
  /** Content by path. */
  entries: Map<string, string>;
}

/** Of a package that has a `dist`, whose `package.json` names no `bin`. */
export function rehash(root: string): Model {
  const entries = new Map<string, string>();
  walk(join(root, 'dist'), 'dist', [realpathSync(root)], entries);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return { version, entries };
}

function walk(directory: string, path: string, above: string[], entries: Map<string, string>): void {
  const places = [...above, realpathSync(directory)];
  for (const name of readdirSync(directory)) {
    const at = join(directory, name);
    const what = look(at, places);
    if (what === 'directory') walk(at, `${path}/${name}`, places, entries);
    else entries.set(`${path}/${name}`, what);
  }
}

function look(at: string, places: string[]): string {
  const isLink = lstatSync(at).isSymbolicLink();
  let stats: ReturnType<typeof statSync>;
  try {
    stats = statSync(at);
  } catch {
    return `dangling ${readlinkSync(at)}`;
  }
  if (stats.isFile()) return createHash('sha256').update(readFileSync(at)).digest('hex');
  if (!stats.isDirectory()) return 'special';
  const real = realpathSync(at);
  const isCycle = isLink && places.some((place) => place === real || place.startsWith(real + sep));
  return isCycle ? `cycle ${readlinkSync(at)}` : 'directory';
}

export interface ModelDiff {
  added: string[];
  removed: string[];
  changed: string[];
}

export function differ(a: Model, b: Model): ModelDiff {
  const only = (one: Model, other: Model) => [...one.entries.keys()].filter((path) => !other.entries.has(path)).sort();
  const changed = [...a.entries].filter(([path, content]) => (b.entries.get(path) ?? content) !== content);
  return { added: only(b, a), removed: only(a, b), changed: changed.map(([path]) => path).sort() };
}

export function isSame(a: Model, b: Model): boolean {
  return a.version === b.version && Object.values(differ(a, b)).every((paths) => paths.length === 0);
}
