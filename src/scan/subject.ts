/**
 * What counts as "the installed program": finds out what lies at a path, and which of its files are covered.
 *
 * | kind | what it is | what is covered |
 * | --- | --- | --- |
 * | `package` | a directory with a `package.json` | `dist/**` and the files that `bin` names; without a directory `dist`, every file |
 * | `executable` | a regular file | its content |
 * | `directory` | any other directory | every file |
 *
 * Of a package's own `package.json` only `version` counts. In a package, `node_modules` and `.git` never count, at any depth.
 * @module
 */

import { type Stats, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Globs } from '../disk/list.ts';
import { toFsPath, toRaw } from '../disk/raw-path.ts';
import { type KnownId, statOrNothing, toKnownId } from '../disk/stat.ts';
import { readWholeFile } from '../disk/whole-file.ts';
import { DistprintError, errnoOf, leadsNowhere, unreadable } from '../errors.ts';

/** What lies at a path; a package is a directory with a `package.json`. */
export type Kind = 'package' | 'executable' | 'directory';

/** What a manifest covers. Two manifests can be compared only where this is equal. */
export interface Coverage {
  readonly kind: Kind;
  /** The globs that took the place of the usual ones, sorted; null where the usual ones stand. */
  readonly include: readonly string[] | null;
  /** The globs of files left out besides the usual ones, sorted. */
  readonly exclude: readonly string[];
}

/** What is to be covered. Globs that leave the root, or begin with `!`, are an ERR_DISTPRINT_OPTION. */
export interface CoverageOptions {
  /** Globs (fast-glob's syntax, relative to the root) in place of the usual ones. A directory stands for all below it. */
  include?: readonly string[];
  /** Globs to leave out besides what is always left out. */
  exclude?: readonly string[];
  /** Insist on this kind: without its `package.json`, a package is then not found instead of being a plain directory. */
  kind?: Kind;
}

export interface Subject {
  /** Absolute, and raw (raw-path.ts). */
  readonly root: string;
  readonly coverage: Coverage;
  readonly name: string | null;
  readonly version: string | null;
  /** Null for an executable, which is its own only file. */
  readonly globs: Globs | null;
  /** Whether it has a directory `dist`, where that decides what is covered; else null. */
  readonly hasDist: boolean | null;
  /** How `package.json` was when it was read; null where there is none. */
  readonly packageJson: KnownId | null;
}

/**
 * @throws ERR_DISTPRINT_NOT_FOUND, ERR_DISTPRINT_UNSUPPORTED_FILE, ERR_DISTPRINT_PACKAGE_JSON, ERR_DISTPRINT_UNREADABLE, ERR_DISTPRINT_OPTION
 */
export function resolveSubject(path: string, options: CoverageOptions = {}): Subject {
  const absolute = resolve(path);
  const root = toRaw(absolute === '/' ? '' : absolute);
  const stats = statOrThrow(absolute, path);
  const include = options.include === undefined ? null : checkGlobs('include', options.include);
  const exclude = checkGlobs('exclude', options.exclude ?? []);
  if (stats.isFile()) {
    insistOn(options.kind, 'executable', path);
    if (include !== null || exclude.length > 0) {
      throw new DistprintError('ERR_DISTPRINT_OPTION', `${path} is a file: include and exclude apply to directories`);
    }
    return {
      root,
      coverage: { kind: 'executable', include, exclude },
      name: null,
      version: null,
      globs: null,
      hasDist: null,
      packageJson: null,
    };
  }
  if (!stats.isDirectory()) {
    throw new DistprintError(
      'ERR_DISTPRINT_UNSUPPORTED_FILE',
      `${path} is neither a regular file nor a directory, so it can't be an installed program`,
      { path },
    );
  }
  const packageJson = options.kind === 'directory' ? undefined : readPackageJson(absolute);
  const kind = packageJson === undefined ? 'directory' : 'package';
  insistOn(options.kind, kind, path);
  const coverage: Coverage = { kind, include, exclude };
  if (packageJson === undefined) {
    const globs = toGlobs(coverage, ['**']);
    return { root, coverage, name: null, version: null, globs, hasDist: null, packageJson: null };
  }
  const { name, version, bin } = parsePackageJson(packageJson.text, `${path}/package.json`);
  const hasDist = include === null ? findDist(root) : null;
  return {
    root,
    coverage,
    name,
    version,
    globs: toGlobs(coverage, hasDist ? ['dist/**', ...bin] : ['**']),
    hasDist,
    packageJson: packageJson.id,
  };
}

/** @param root raw (raw-path.ts) */
export const findDist = (root: string) => statOrNothing(toFsPath(`${root}/dist`))?.isDirectory() === true;

/** False where a directory `dist` came or went since, so that something else is covered now. */
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

function readPackageJson(directory: string): { text: string; id: KnownId } | undefined {
  const path = `${directory}/package.json`;
  const wallMs = Date.now();
  try {
    const { bytes, stats } = readWholeFile(path);
    return { text: bytes.toString(), id: toKnownId(stats, wallMs) };
  } catch (error) {
    if (leadsNowhere(error)) return undefined;
    throw unreadable(error, path);
  }
}

/**
 * A byte order mark is allowed, as npm allows it.
 * @throws SyntaxError
 */
export const parseJson = (text: string) => JSON.parse(text.replace(/^\ufeff/, ''));

/** The three fields that matter here. */
function parsePackageJson(text: string, path: string): { name: string | null; version: string | null; bin: string[] } {
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
    throw fail(`holds ${Array.isArray(fields) ? 'an array' : JSON.stringify(fields)} where an object is expected`);
  }
  const { name, version, bin } = fields as Record<string, unknown>;
  if (version !== undefined && typeof version !== 'string') {
    throw fail(`"version" is ${JSON.stringify(version)} where a string is expected`);
  }
  return { name: typeof name === 'string' ? name : null, version: version ?? null, bin: toBinGlobs(bin) };
}

const toBinGlobs = (bin: unknown) => toPackagePaths(bin).map((path) => escapeGlob(toRaw(path)));

/**
 * The files that a field like `bin` names, alone or by name: relative to the root, and kept inside the package as npm keeps
 * them (npm-normalize-package-bin).
 */
export function toPackagePaths(field: unknown): string[] {
  const files = typeof field === 'object' && field !== null ? Object.values(field) : [field];
  return files
    .filter((file) => typeof file === 'string')
    .map((file) => resolve('/', file.replaceAll('\\', '/')).slice(1))
    .filter((path) => path !== '');
}

const escapeGlob = (raw: string) => raw.replace(/[!()*?[\]{}|@+\\]/g, '\\$&');

function checkGlobs(option: string, globs: readonly string[]): string[] {
  for (const glob of globs) {
    const wrong =
      typeof glob !== 'string' || glob === ''
        ? 'not a non-empty string'
        : glob.startsWith('!')
          ? 'negated: use exclude for that'
          : glob.startsWith('/') || glob.split('/').includes('..')
            ? 'not relative to the root and below it'
            : undefined;
    if (wrong !== undefined) {
      throw new DistprintError('ERR_DISTPRINT_OPTION', `${option}: the glob ${JSON.stringify(glob)} is ${wrong}`);
    }
  }
  return [...new Set(globs)].sort();
}

const NEVER_IN_A_PACKAGE = ['node_modules', '.git'];

/** The file in which `distprint seal` leaves a manifest (seal.ts). It never counts. */
export const SEAL_NAME = '.distprint-seal';

function toGlobs(coverage: Coverage, usual: readonly string[]): Globs {
  return {
    patterns: coverage.include === null ? usual : coverage.include.flatMap(withAllBelow),
    ignore: coverage.exclude.flatMap(withAllBelow),
    never: coverage.kind === 'package' ? [...NEVER_IN_A_PACKAGE, SEAL_NAME] : [SEAL_NAME],
    notAtRoot: coverage.kind === 'package' ? 'package.json' : null,
  };
}

/** Options that cover just what a manifest does, or a subject. */
export function toCoverageOptions({ kind, include, exclude }: Coverage): CoverageOptions {
  return { kind, exclude, ...(include && { include }) };
}

/** Whether these options would cover just this. */
export function covers(coverage: Coverage, { include, exclude, kind }: CoverageOptions): boolean {
  const wanted = [include === undefined ? null : checkGlobs('include', include), checkGlobs('exclude', exclude ?? [])];
  const same = JSON.stringify(wanted) === JSON.stringify([coverage.include, coverage.exclude]);
  return same && (kind === undefined || kind === coverage.kind);
}

/** A glob that names a directory stands for what is below it. */
function withAllBelow(glob: string): string[] {
  const raw = toRaw(glob.replace(/^(?:\.\/)+/, '').replace(/\/+$/, ''));
  return raw.endsWith('*') ? [raw] : [raw, `${raw}/**`];
}

/** Where a path of the subject's lies, for `node:fs`. */
export function locate(subject: Subject, raw: string): string | Buffer {
  if (subject.globs === null || raw === '') return toFsPath(subject.root || '/');
  const path = `${subject.root}/${raw}`;
  // Each part is looked at by itself: to look at the whole, the engine would first have to copy the two together.
  const isAscii = typeof toFsPath(raw) === 'string' && typeof toFsPath(subject.root) === 'string';
  return isAscii ? path : toFsPath(path);
}
