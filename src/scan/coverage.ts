/**
 * Which files of what lies at a path are covered.
 *
 * | kind | what it is | what is covered |
 * | --- | --- | --- |
 * | `package` | a directory with a `package.json` | `dist/**` and the files that `bin` names; without a directory `dist`, every file |
 * | `executable` | a regular file | its content |
 * | `directory` | any other directory | every file |
 *
 * In a package, `node_modules` and `.git` never count, at any depth.
 * @module
 */

import type { Globs } from '../disk/list.ts';
import { toRaw } from '../disk/raw-path.ts';
import { DistprintError } from '../errors.ts';
import { toGlobSlashes } from '../platform/paths.ts';

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

/**
 * What is to be covered. Globs that leave the root, that begin with `!`, or whose braces stand for more than 1,000 patterns, are an
 * ERR_DISTPRINT_OPTION.
 */
export interface CoverageOptions {
  /** Globs (fast-glob's syntax, relative to the root) in place of the usual ones. A directory stands for all below it. */
  include?: readonly string[];
  /** Globs to leave out besides what is always left out. */
  exclude?: readonly string[];
  /** Insist on this kind: without its `package.json`, a package is then not found instead of being a plain directory. */
  kind?: Kind;
}

/**
 * The globs of both options, sorted, each once.
 * @throws ERR_DISTPRINT_OPTION
 */
export function checkGlobs({ include, exclude }: CoverageOptions): Pick<Coverage, 'include' | 'exclude'> {
  return {
    include: include === undefined ? null : check('include', include),
    exclude: check('exclude', exclude ?? []),
  };
}

function check(option: string, given: readonly string[]): string[] {
  const globs = given.map((glob) => (typeof glob === 'string' ? toGlobSlashes(glob) : glob));
  const fault = findGlobFault(globs);
  if (fault !== undefined) throw new DistprintError('ERR_DISTPRINT_OPTION', `${option}: ${fault}`);
  return [...new Set(globs)].sort();
}

/** How many patterns a list of globs may stand for: each file is matched against each. */
const MAX_PATTERNS = 1_000;
const MAX_GLOB_LENGTH = 1_000;
/** A regular expression tries each place for each star: the time grows with the name's length to their power. */
const MAX_STARS = 5;
const isSlow = (part: string) => (part.match(/\*+|\+\(/g) ?? []).length > MAX_STARS;

/** What is wrong with the globs of one option. Undefined if nothing is. */
export function findGlobFault(globs: readonly string[]): string | undefined {
  let patterns = 0;
  for (const glob of globs) {
    const fault = faultOf(glob);
    if (fault !== undefined) return `the glob ${JSON.stringify(glob)?.slice(0, 200)} is ${fault}`;
    patterns += countPatterns(glob);
    if (patterns > MAX_PATTERNS) return `the globs stand for more than ${MAX_PATTERNS} patterns. Use wildcards`;
  }
  return undefined;
}

function faultOf(glob: unknown): string | undefined {
  if (typeof glob !== 'string' || glob === '') return 'not a non-empty string';
  if (glob.length > MAX_GLOB_LENGTH) return `longer than ${MAX_GLOB_LENGTH} characters`;
  if (glob.startsWith('!')) return 'negated: use exclude for that';
  if (glob.split('/').some(isSlow)) return `slow to match: it has more than ${MAX_STARS} stars between two slashes`;
  const isAbsolute = glob.startsWith('/') || /^[a-z]:[\\/]/i.test(glob);
  if (isAbsolute || glob.split('/').includes('..')) return 'not relative to the root and below it';
  return undefined;
}

/** How many patterns the braces of a glob stand for: `{a,b}{1..3}` for 6. A step in a range is not heeded. */
function countPatterns(glob: string): number {
  /** For each open brace: the patterns of the alternatives that ended, and of the one that is being read. */
  const open = [{ ended: 0, current: 1 }];
  for (const token of glob.match(/\\.|\{-?\w+\.\.-?\w+(?:\.\.-?\d+)?\}|[{},]/gs) ?? []) {
    const top = open[open.length - 1] as { ended: number; current: number };
    if (token === '{') open.push({ ended: 0, current: 1 });
    else if (token.startsWith('{')) top.current *= sizeOfRange(token);
    else if (open.length === 1) continue;
    else if (token === ',') {
      top.ended += top.current;
      top.current = 1;
    } else if (token === '}') {
      open.pop();
      (open[open.length - 1] as { current: number }).current *= top.ended + top.current;
    }
  }
  return (open[0] as { current: number }).current;
}

function sizeOfRange(range: string): number {
  const [from = '', to = ''] = range.slice(1, -1).split('..');
  const isNumeric = /^-?\d+$/.test(from) && /^-?\d+$/.test(to);
  return 1 + Math.abs(isNumeric ? Number(from) - Number(to) : from.charCodeAt(0) - to.charCodeAt(0));
}

const NEVER_IN_A_PACKAGE = ['node_modules', '.git'];

/** The file in which `distprint seal` leaves a manifest (manifest/seal.ts). It never counts. */
export const SEAL_NAME = '.distprint-seal';

/** @param usual raw globs of what is covered without `include` */
export function toGlobs(coverage: Coverage, usual: readonly string[]): Globs {
  return {
    patterns: coverage.include === null ? usual : coverage.include.flatMap(withAllBelow),
    ignore: coverage.exclude.flatMap(withAllBelow),
    never: coverage.kind === 'package' ? [...NEVER_IN_A_PACKAGE, SEAL_NAME] : [SEAL_NAME],
    notAtRoot: coverage.kind === 'package' ? 'package.json' : null,
  };
}

/** A glob that names a directory stands for what is below it. */
function withAllBelow(glob: string): string[] {
  const raw = toRaw(glob.replace(/^(?:\.\/)+/, '').replace(/\/+$/, ''));
  return raw.endsWith('*') ? [raw] : [raw, `${raw}/**`];
}

/** Before a parenthesis, `@` and `+` mean something. fast-glob finds no directory below one of them that is escaped. */
export const escapeGlob = (raw: string) => raw.replace(/[!()*?[\]{}|\\]/g, '\\$&');

/** Options that cover just what a manifest does, or a subject. */
export function toCoverageOptions({ kind, include, exclude }: Coverage): CoverageOptions {
  return { kind, exclude, ...(include && { include }) };
}

/** Whether these options would cover just this. */
export function covers({ kind, include, exclude }: Coverage, options: CoverageOptions): boolean {
  const wanted = checkGlobs(options);
  const isSameKind = options.kind === undefined || options.kind === kind;
  return isSameKind && isSameList(wanted.include, include) && isSameList(wanted.exclude, exclude);
}

/** node:util's `isDeepStrictEqual` would take half a millisecond of a fresh process's first answer. */
export function isSameList(a: readonly string[] | null, b: readonly string[] | null): boolean {
  if (a === b) return true;
  return a !== null && b !== null && a.length === b.length && a.every((text, i) => text === b[i]);
}
