/**
 * Reads a package's own package.json. Only three of its fields matter: `name` is shown, `version` counts, and `bin` names files that
 * are covered.
 * @module
 */

import { join, posix } from 'node:path';
import { type KnownId, toKnownId } from '../disk/stat.ts';
import { readWholeFile } from '../disk/whole-file.ts';
import { DistprintError, leadsNowhere, unreadable } from '../errors.ts';

export interface PackageJson {
  readonly name: string | null;
  readonly version: string | null;
  /** The files that `bin` names, relative to the package. */
  readonly bin: readonly string[];
  /** How the file was when it was read. */
  readonly id: KnownId;
}

/**
 * Undefined if there is none.
 * @param path of the directory, as it stands in errors
 * @throws ERR_DISTPRINT_PACKAGE_JSON, ERR_DISTPRINT_UNREADABLE, ERR_DISTPRINT_UNSUPPORTED_FILE
 */
export function readPackageJson(directory: string, path: string): PackageJson | undefined {
  const at = join(directory, 'package.json');
  const wallMs = Date.now();
  try {
    const { bytes, stats } = readWholeFile(at);
    return { ...parse(bytes.toString(), join(path, 'package.json')), id: toKnownId(stats, wallMs, at) };
  } catch (error) {
    if (leadsNowhere(error)) return undefined;
    throw unreadable(error, at);
  }
}

function parse(text: string, path: string): Omit<PackageJson, 'id'> {
  const fail = (what: string, cause?: unknown) =>
    new DistprintError('ERR_DISTPRINT_PACKAGE_JSON', `${path}: ${what}`, { path, cause });
  if (text.trim() === '') throw fail('is empty. Is it being written? If not, reinstall the package');
  let fields: unknown;
  try {
    fields = parseJson(text);
  } catch (error) {
    throw fail(`is not JSON (${(error as Error).message})`, error);
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw fail(`holds ${say(fields)} where an object is expected`);
  }
  const { name, version, bin } = fields as Record<string, unknown>;
  if (version !== undefined && typeof version !== 'string') {
    throw fail(`"version" is ${say(version)} where a string is expected`);
  }
  return { name: typeof name === 'string' ? name : null, version: version ?? null, bin: toPackagePaths(bin) };
}

function say(value: unknown): string {
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' && value !== null ? 'an object' : JSON.stringify(value).slice(0, 100);
}

/**
 * A byte order mark is allowed, as npm allows it.
 * @throws SyntaxError
 */
export const parseJson = (text: string) => JSON.parse(text.replace(/^\ufeff/, ''));

/**
 * The files that a field like `bin` names, alone or by name: relative to the root, and kept inside the package as npm keeps
 * them (npm-normalize-package-bin).
 */
export function toPackagePaths(field: unknown): string[] {
  const files = typeof field === 'object' && field !== null ? Object.values(field) : [field];
  return files
    .filter((file) => typeof file === 'string')
    .map((file) => posix.resolve('/', file.replaceAll('\\', '/')).slice(1))
    .filter((path) => path !== '');
}
