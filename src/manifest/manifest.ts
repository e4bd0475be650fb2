/**
 * A manifest is a text that says what is installed, by content. Its hash is the fingerprint.
 *
 * In the spirit of Go's dirhash (golang.org/x/mod/sumdb/dirhash): anyone can recompute it with `xxhsum` and coreutils.
 * UTF-8, every line ended by one newline:
 *
 * ```text
 * distprint manifest 1                        the format and its version
 * kind package                                package, executable or directory
 * version "5.9.3"                             `version` of package.json as JSON, or null
 * include default                             default, or a JSON array of globs, sorted
 * exclude []                                  a JSON array of globs, sorted
 * 0a1b2c3d4e5f6071  dist/cli.js               a line per file: content, two spaces, path
 * xxh64-89abcdef01234567                      the fingerprint: XXH64 of all bytes above this line
 * ```
 *
 * - **content** is the XXH64 (seed 0) of the file's bytes as 16 lower-case hex digits, as `xxhsum -H64` prints it. What has no content
 *   is named: `fifo`, `socket`, `device`, `dangling:HASH` (a link to nothing) or `cycle:HASH` (a link to a directory that contains it).
 *   HASH is the XXH64 of the link's text (`readlink -n LINK | xxhsum -H64`).
 * - **path** is relative to the root, with `/` between names. What is not printable UTF-8 is escaped (disk/raw-path.ts).
 *   An executable has the path `.`, so its name and place do not count.
 * - **order** is that of the paths' bytes before escaping (`LC_ALL=C sort`), in every locale.
 * @module
 */

import type { Special } from '../disk/directory.ts';
import { createStreamingHash, hashBytes, hashText } from '../disk/hash.ts';
import { readPath, writePath } from '../disk/raw-path.ts';
import { DistprintError } from '../errors.ts';
import { type Coverage, findGlobFault, type Kind } from '../scan/coverage.ts';
import type { Scan } from '../scan/scan.ts';
import { PAUSE, type Work } from '../steps.ts';

/** A line of a manifest: one file. */
export interface ManifestEntry {
  /** The written path. */
  readonly path: string;
  /** The content column. */
  readonly content: string;
}

/** What is installed, by content. */
export interface Manifest extends Coverage {
  readonly version: string | null;
  /** Sorted by the bytes of the raw paths. */
  readonly entries: readonly ManifestEntry[];
  /** `xxh64-` and 16 lower-case hex digits. */
  readonly fingerprint: string;
}

const FORMAT = 'distprint manifest 1';
const FINGERPRINT = /^xxh64-[0-9a-f]{16}$/;
const CONTENT = /^(?:[0-9a-f]{16}|fifo|socket|device|(?:dangling|cycle):[0-9a-f]{16})$/;
const ENTRIES_A_PAUSE = 256;

/** What stands above the entries, ended by a newline. */
function writeHead({ kind, version, include, exclude }: Omit<Manifest, 'entries' | 'fingerprint'>): string {
  return [
    FORMAT,
    `kind ${kind}`,
    `version ${JSON.stringify(version)}`,
    `include ${include === null ? 'default' : JSON.stringify(include)}`,
    `exclude ${JSON.stringify(exclude)}`,
    '',
  ].join('\n');
}

const writeEntry = ({ path, content }: ManifestEntry) => `${content}  ${path}\n`;

/**
 * The manifest of a pass.
 * @param fingerprint its fingerprint, if it is known already
 */
export function* toManifest(pass: Scan, fingerprint?: string): Work<Manifest> {
  const { coverage, version } = pass.subject;
  const rows = toRows(pass);
  const paths = yield* writePaths(rows.paths);
  const entries = paths.map((path, row) => ({ path, content: rows.contents[row] as string }));
  yield PAUSE;
  return { ...coverage, version, entries, fingerprint: fingerprint ?? (yield* fold(pass, paths, rows.contents)) };
}

/** The fingerprint of a pass's manifest. */
export function* toFingerprint(pass: Scan): Work<string> {
  const { paths, contents } = toRows(pass);
  return yield* fold(pass, yield* writePaths(paths), contents);
}

/** The text is hashed in parts, and never made as a whole. */
function* fold({ subject }: Scan, paths: readonly string[], contents: readonly string[]): Work<string> {
  const { coverage, version } = subject;
  const hash = createStreamingHash();
  hash.update(writeHead({ ...coverage, version }));
  for (let start = 0; start < paths.length; start += ENTRIES_A_PAUSE) {
    let lines = '';
    const end = Math.min(start + ENTRIES_A_PAUSE, paths.length);
    for (let row = start; row < end; row++) lines += `${contents[row]}  ${paths[row]}\n`;
    hash.update(lines);
    yield PAUSE;
  }
  return `xxh64-${hash.digest()}`;
}

/** The path column. */
function* writePaths(raws: readonly string[]): Work<readonly string[]> {
  const paths: string[] = [];
  for (const raw of raws) {
    if (paths.length % ENTRIES_A_PAUSE === 0) yield PAUSE;
    paths.push(writePath(raw));
  }
  return paths;
}

/** The raw paths of all that counts, sorted, and the content column. */
function toRows({ listing, digests }: Scan): { paths: readonly string[]; contents: readonly string[] } {
  const { files, specials } = listing;
  if (specials.size === 0) return { paths: files, contents: digests };
  const contents = new Map(files.map((path, row) => [path, digests[row] as string]));
  for (const [path, special] of specials) contents.set(path, writeSpecial(special));
  const paths = [...contents.keys()].sort();
  return { paths, contents: paths.map((path) => contents.get(path) as string) };
}

function writeSpecial(special: Special): string {
  return 'link' in special ? `${special.kind}:${hashBytes(Buffer.from(special.link, 'latin1'))}` : special.kind;
}

/** The text of a manifest, fingerprint line and all. */
export function serializeManifest(manifest: Manifest): string {
  return `${writeHead(manifest)}${manifest.entries.map(writeEntry).join('')}${manifest.fingerprint}\n`;
}

/** Whether a file that starts so is meant to be a manifest, of this version or another. */
export function looksLikeManifest(start: string): boolean {
  return start.startsWith('distprint manifest ');
}

/**
 * Reads a manifest's text and checks all of it. Lines that end in CRLF, as git's `core.autocrlf` makes them, count as ended by a newline.
 * @throws ERR_DISTPRINT_MANIFEST with the `line` where it is not as `serializeManifest` writes it
 */
export function parseManifest(text: string): Manifest {
  // Nothing is lost: a carriage return in a path is written `\x0d`.
  return parse(text.startsWith(`${FORMAT}\r\n`) ? text.replaceAll('\r\n', '\n') : text);
}

function parse(text: string): Manifest {
  const lines = text.split('\n');
  const fail = (index: number, what: string) =>
    new DistprintError('ERR_DISTPRINT_MANIFEST', `manifest, line ${index + 1}: ${what}`, { line: index + 1 });
  const field = (index: number, name: string): string => {
    const line = lines[index] ?? '';
    if (!line.startsWith(`${name} `)) throw fail(index, `"${name} …" expected, got ${quote(line)}`);
    return line.slice(name.length + 1);
  };
  const json = (index: number, name: string): unknown => {
    const text = field(index, name);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw fail(index, `${name} is not JSON (${(error as Error).message})`);
    }
    if (JSON.stringify(value) !== text) throw fail(index, `${name} is not written as JSON.stringify writes it`);
    return value;
  };
  const globs = (index: number, name: string): string[] => {
    const value = json(index, name);
    if (!Array.isArray(value) || !value.every((glob) => typeof glob === 'string')) {
      throw fail(index, `${name} is no array of globs`);
    }
    if (value.some((glob, i) => i > 0 && glob <= (value[i - 1] as string)))
      throw fail(index, `${name} is not sorted, each glob once`);
    const fault = findGlobFault(value);
    if (fault !== undefined) throw fail(index, `${name}: ${fault}`);
    return value;
  };

  if (lines[0] !== FORMAT) {
    throw fail(0, looksLikeManifest(text) ? `of another format: ${quote(lines[0] ?? '')}` : `"${FORMAT}" expected`);
  }
  const kind = field(1, 'kind');
  if (!isKind(kind)) throw fail(1, `unknown kind ${quote(kind)}`);
  const version = json(2, 'version');
  if (version !== null && typeof version !== 'string') throw fail(2, 'version is neither a string nor null');
  const include = lines[3] === 'include default' ? null : globs(3, 'include');
  const exclude = globs(4, 'exclude');

  const end = lines.length - 2;
  const fingerprint = lines[end] ?? '';
  if (end < HEAD_LINES || lines[end + 1] !== '' || !FINGERPRINT.test(fingerprint)) {
    throw fail(lines.length - 1, 'ends without its fingerprint line: the text is truncated');
  }
  const entries: ManifestEntry[] = [];
  let previous: string | undefined;
  for (let i = HEAD_LINES; i < end; i++) {
    const line = lines[i] as string;
    const gap = line.indexOf('  ');
    const content = line.slice(0, Math.max(gap, 0));
    if (!CONTENT.test(content)) throw fail(i, `a content, two spaces and a path expected, got ${quote(line)}`);
    const path = line.slice(gap + 2);
    const raw = readPath(path);
    if (raw === undefined) throw fail(i, `the path ${quote(path)} is not escaped as paths are`);
    if (kind === 'executable' ? raw !== '.' : !isInside(raw)) {
      const expected = kind === 'executable' ? 'that of an executable, "."' : 'relative and below the root';
      throw fail(i, `the path ${quote(path)} is not ${expected}`);
    }
    if (previous !== undefined && raw <= previous) {
      throw fail(i, raw === previous ? `${quote(path)} stands here twice` : `${quote(path)} is out of order`);
    }
    previous = raw;
    entries.push({ path, content });
  }
  const computed = `xxh64-${hashText(text.slice(0, text.length - fingerprint.length - 1))}`;
  if (computed !== fingerprint)
    throw fail(end, `the text's fingerprint is ${computed}, not ${fingerprint}: it was altered`);
  return { kind, version, include, exclude, entries, fingerprint };
}

const HEAD_LINES = 5;
const quote = (text: string) => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
const isKind = (text: string): text is Kind => text === 'package' || text === 'executable' || text === 'directory';
const isInside = (raw: string) => raw.split('/').every((name) => name !== '' && name !== '.' && name !== '..');

/**
 * The fingerprint as an integer n, 0 < n <= 2^53 - 1: its 64 bits modulo 2^53 - 1, plus 1.
 * It is exact as a double, so it survives JSON and any client that knows no larger integers.
 */
export function toToken(fingerprint: string): number {
  if (!FINGERPRINT.test(fingerprint)) {
    throw new DistprintError(
      'ERR_DISTPRINT_OPTION',
      `${quote(fingerprint)} is no fingerprint (xxh64- and 16 hex digits)`,
    );
  }
  return Number(BigInt(`0x${fingerprint.slice('xxh64-'.length)}`) % BigInt(Number.MAX_SAFE_INTEGER)) + 1;
}
