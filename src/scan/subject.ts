/**
 * The subject is what lies at a path: a package, an executable or a directory, and which of its files are covered (coverage.ts).
 * @module
 */

import { type Stats, statSync } from 'node:fs';
import type { Globs } from '../disk/list.ts';
import { locate, toRaw, toRoot } from '../disk/raw-path.ts';
import { type KnownId, statOrNothing } from '../disk/stat.ts';
import { DistprintError, errnoOf, leadsNowhere, unreadable } from '../errors.ts';
import { isNamedSo, spellAsOnDisk, toAbsolute } from '../platform/paths.ts';
import { type Coverage, type CoverageOptions, checkGlobs, escapeGlob, type Kind, toGlobs } from './coverage.ts';
import { readPackageJson } from './package-json.ts';

export interface Subject {
  /** Absolute, and raw (raw-path.ts). */
  readonly root: string;
  readonly coverage: Coverage;
  readonly name: string | null;
  readonly version: string | null;
  /** Null for an executable, which is its own only file. */
  readonly globs: Globs | null;
  /** Whether it has a directory `dist`, if that decides what is covered. Else null. */
  readonly hasDist: boolean | null;
  /** How `package.json` was when it was read. Null if there is none. */
  readonly packageJson: KnownId | null;
}

/**
 * @throws ERR_DISTPRINT_NOT_FOUND, ERR_DISTPRINT_UNSUPPORTED_FILE, ERR_DISTPRINT_PACKAGE_JSON, ERR_DISTPRINT_UNREADABLE, ERR_DISTPRINT_OPTION
 */
export function resolveSubject(path: string, options: CoverageOptions = {}): Subject {
  const absolute = toAbsolute(path);
  const root = toRoot(absolute);
  const stats = statOrThrow(absolute, path);
  const { include, exclude } = checkGlobs(options);
  const bare = { root, name: null, version: null, globs: null, hasDist: null, packageJson: null };
  if (stats.isFile()) {
    insistOn(options.kind, 'executable', path);
    if (include !== null || exclude.length > 0) {
      throw new DistprintError('ERR_DISTPRINT_OPTION', `${path} is a file: include and exclude apply to directories`);
    }
    return { ...bare, coverage: { kind: 'executable', include, exclude } };
  }
  if (!stats.isDirectory()) {
    throw new DistprintError(
      'ERR_DISTPRINT_UNSUPPORTED_FILE',
      `${path} is neither a regular file nor a directory, so it can't be an installed program`,
      { path },
    );
  }
  const packageJson = options.kind === 'directory' ? undefined : readPackageJson(absolute, path);
  const kind = packageJson === undefined ? 'directory' : 'package';
  insistOn(options.kind, kind, path);
  const coverage: Coverage = { kind, include, exclude };
  if (packageJson === undefined) return { ...bare, coverage, globs: toGlobs(coverage, ['**']) };
  const { name, version, bin, id } = packageJson;
  const hasDist = include === null ? findDist(root) : null;
  const usual = hasDist ? ['dist/**', ...bin.map((file) => escapeGlob(toRaw(spellAsOnDisk(absolute, file))))] : ['**'];
  return { root, coverage, name, version, globs: toGlobs(coverage, usual), hasDist, packageJson: id };
}

/** @param root raw (raw-path.ts) */
export const findDist = (root: string) =>
  statOrNothing(locate(root, 'dist'))?.isDirectory() === true && isNamedSo(locate(root, ''), 'dist');

/** False if a directory `dist` came or went since: something else is covered now. */
export const coversTheSame = ({ root, hasDist }: Subject) => hasDist === null || hasDist === findDist(root);

function statOrThrow(absolute: string, path: string): Stats {
  try {
    return statSync(absolute);
  } catch (error) {
    if (!leadsNowhere(error)) throw unreadable(error, path);
    throw notFound(path, errnoOf(error) === 'ELOOP' ? 'its links lead in a loop' : 'no such file or directory');
  }
}

function notFound(path: string, what: string): DistprintError {
  return new DistprintError('ERR_DISTPRINT_NOT_FOUND', `${path}: ${what}`, { path });
}

function insistOn(wanted: Kind | undefined, found: Kind, path: string): void {
  if (wanted === undefined || wanted === found) return;
  throw notFound(path, wanted === 'package' ? 'no package.json here, so no package' : `a ${found}, not a ${wanted}`);
}
