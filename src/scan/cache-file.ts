/**
 * Keeps a pass on disk, so that the next process starts with its stat cache, as git does with its index.
 *
 * The file is a line, `distprint cache 2 CHECKSUM`, and a `Saved` as `node:v8` serializes it. CHECKSUM is the XXH64 of all that follows the
 * line. Names are joined to one text each, with NUL between them, because thousands of small values load slowly.
 * @module
 */

import { deserialize, serialize } from 'node:v8';
import { type Entry, type ListedDirectory, parentOf, type Special, toEntry } from '../disk/directory.ts';
import { createStreamingHash, hashBytes } from '../disk/hash.ts';
import type { Globs } from '../disk/list.ts';
import { locate, locateAll, showPlace, toRoot } from '../disk/raw-path.ts';
import type { KnownId } from '../disk/stat.ts';
import { mayOthersWrite, readWholeFile } from '../disk/whole-file.ts';
import { writeFileAtomic, writeFileAtomicSync } from '../disk/write-file.ts';
import { errnoOf } from '../errors.ts';
import { PAUSE, perform, type Work } from '../steps.ts';
import { type CoverageOptions, covers } from './coverage.ts';
import { IdTable } from './id-table.ts';
import type { Scan } from './scan.ts';
import type { Subject } from './subject.ts';

const FORMAT = 'distprint cache 2';
const DIGEST_LENGTH = 16;
/** A million files take some 200 MB. */
const MAX_BYTES = 512 * 1024 * 1024;
const BYTES_A_PAUSE = 256 * 1024;
const ROWS_A_PAUSE = 1_024;

interface Saved {
  readonly fingerprint: string;
  /** Date.now() when it was saved. */
  readonly savedMs: number;
  readonly subject: Subject;
  /** Raw paths, joined. */
  readonly files: string;
  /** One behind the other. */
  readonly digests: string;
  /** `IdTable.numbers` of the files. */
  readonly ids: Float64Array;
  /** Raw paths, joined. The root's is empty. */
  readonly directories: string;
  /** For each directory the names of its entries, joined by `/`. A directory's begins with `d`, a file's with `f`. */
  readonly entries: string;
  /** `IdTable.numbers` of the directories. */
  readonly directoryIds: Float64Array;
  readonly specials: ReadonlyMap<string, Special>;
  readonly absent: ReadonlySet<string>;
}

export interface CachedPass {
  readonly pass: Scan;
  /** Of the pass's manifest, so that it need not be folded again. */
  readonly fingerprint: string;
}

/**
 * The pass that was saved for `root` (absolute) and the same coverage; null if there is none. `note` says why a file that is there was not used.
 * A pass is trusted no further than one of this process: a stat decides for each file, and racily clean ones are read again.
 */
export function loadCache(
  path: string,
  root: string,
  options: CoverageOptions,
): { cached: CachedPass | null; note?: string } {
  const unused = (why: string) => ({ cached: null, note: `${path} is not used: ${why}` });
  let bytes: Buffer;
  try {
    const whole = readWholeFile(path, MAX_BYTES);
    if (process.getuid !== undefined && whole.stats.uid !== process.getuid()) {
      return unused('it belongs to another user');
    }
    if (mayOthersWrite(whole.stats)) return unused('others may write it');
    bytes = whole.bytes;
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? { cached: null } : unused((error as Error).message);
  }
  const start = bytes.toString('latin1', 0, START_LENGTH);
  if (!start.startsWith('distprint cache ')) return unused('it is damaged, or no cache of distprint');
  if (!start.startsWith(`${FORMAT} `)) return unused('it is of another format');
  const rest = bytes.subarray(START_LENGTH);
  if (start !== toStart(hashBytes(rest))) return unused('it is damaged (its checksum differs)');
  const saved = readSaved(rest);
  const cached = saved && toCached(saved);
  if (saved === undefined || cached === undefined) return unused('another runtime or release wrote it');
  if (saved.subject.root !== toRoot(root)) return unused(`it is of ${showPlace(locate(saved.subject.root, ''))}`);
  if (!covers(saved.subject.coverage, options)) return unused('it covers something else');
  if (saved.savedMs > Date.now()) return unused('it was saved in the future: the clock was set back');
  return { cached };
}

/** Writes the file, atomically. Returns why that can't be done; undefined if it was. */
export function* saveCache(path: string, cached: CachedPass): Work<string | undefined> {
  const rest = serialize(yield* toSaved(cached));
  yield PAUSE;
  const hash = createStreamingHash();
  for (let at = 0; at < rest.length; at += BYTES_A_PAUSE) {
    hash.update(rest.subarray(at, at + BYTES_A_PAUSE));
    yield PAUSE;
  }
  const bytes = Buffer.concat([Buffer.from(toStart(hash.digest())), rest]);
  const options = { mode: 0o600 };
  try {
    yield* perform({
      sync: () => writeFileAtomicSync(path, bytes, options),
      async: () => writeFileAtomic(path, bytes, options),
    });
    return undefined;
  } catch (error) {
    return `${path} could not be written: ${(error as Error).message}`;
  }
}

/** The first line. Its checksum tells damage, not malice. */
const toStart = (checksum: string) => `${FORMAT} ${checksum}\n`;
const START_LENGTH = FORMAT.length + 1 + DIGEST_LENGTH + 1;

/** Undefined if it is none: each runtime serializes in a way of its own. */
function readSaved(bytes: Buffer): Saved | undefined {
  try {
    const value: unknown = deserialize(bytes);
    return isSaved(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined if its columns don't fit together. */
function toCached(saved: Saved): CachedPass | undefined {
  const { subject, specials, absent, fingerprint } = saved;
  const files = split(saved.files);
  const ids = IdTable.from(saved.ids, files.length);
  const directories = toDirectories(saved);
  if (ids === undefined || directories === undefined || saved.digests.length !== files.length * DIGEST_LENGTH) {
    return undefined;
  }
  const places = subject.globs === null ? [locate(subject.root, '')] : locateAll(subject.root, files);
  const listing = { files, places, specials, directories, absent };
  return { pass: { subject, listing, digests: sliceDigests(saved.digests), ids, fresh: [] }, fingerprint };
}

function toDirectories(saved: Saved): Map<string, ListedDirectory> | undefined {
  const { subject, specials } = saved;
  const directories = new Map<string, ListedDirectory>();
  if (subject.globs === null) return directories;
  const paths = saved.directories.split('\0');
  const entries = saved.entries.split('\0');
  const ids = IdTable.from(saved.directoryIds, paths.length);
  if (ids === undefined || entries.length !== paths.length) return undefined;
  paths.forEach((raw, row) => {
    const names = entries[row] as string;
    const inIt = specials.size === 0 ? specials : new Map([...specials].filter(([path]) => parentOf(path) === raw));
    // Unpacked when they are first needed: not before a directory has moved.
    const unpack = () => (names === '' ? [] : names.split('/').map(readName));
    directories.set(raw, { at: locate(subject.root, raw), entries: unpack, specials: inIt, id: ids.get(row) });
  });
  return directories;
}

function* toSaved({ pass, fingerprint }: CachedPass): Work<Saved> {
  const { subject, listing, digests, ids } = pass;
  const directoryIds = IdTable.ofLength(listing.directories.size);
  const entries: string[] = [];
  for (const directory of listing.directories.values()) {
    directoryIds.set(entries.length, directory.id);
    entries.push(directory.entries().map(writeName).join('/'));
    yield PAUSE;
  }
  return {
    fingerprint,
    savedMs: Date.now(),
    subject,
    files: yield* join(listing.files, '\0'),
    digests: yield* join(digests, ''),
    ids: ids.numbers,
    directories: yield* join([...listing.directories.keys()], '\0'),
    entries: yield* join(entries, '\0'),
    directoryIds: directoryIds.numbers,
    specials: listing.specials,
    absent: listing.absent,
  };
}

/** With hundreds of thousands of texts, `join` alone would stall the event loop. */
function* join(texts: readonly string[], separator: string): Work<string> {
  const parts: string[] = [];
  for (let row = 0; row < texts.length; row += ROWS_A_PAUSE) {
    parts.push(texts.slice(row, row + ROWS_A_PAUSE).join(separator));
    yield PAUSE;
  }
  return parts.join(separator);
}

const writeName = (entry: Entry) => `${entry.isDirectory() ? 'd' : 'f'}${entry.name}`;
const readName = (name: string) => toEntry(name.startsWith('d') ? `${name.slice(1)}/` : name.slice(1));
const split = (column: string) => (column === '' ? [] : column.split('\0'));

function sliceDigests(all: string): string[] {
  const digests: string[] = [];
  for (let at = 0; at < all.length; at += DIGEST_LENGTH) digests.push(all.slice(at, at + DIGEST_LENGTH));
  return digests;
}

type Fields = Record<string, unknown>;
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
const isText = (value: unknown) => typeof value === 'string';
const isTextOrNull = (value: unknown) => value === null || isText(value);
const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText);
const isSpecial = (value: unknown) =>
  isObject(value) && isText(value.kind) && (value.link === undefined || isText(value.link));

/** Whether it has the types of a `Saved`: a release of another day may have written it. */
function isSaved(value: unknown): value is Saved {
  if (!isObject(value)) return false;
  const { specials, absent } = value;
  const texts = [value.fingerprint, value.files, value.digests, value.directories, value.entries];
  return (
    texts.every(isText) &&
    typeof value.savedMs === 'number' &&
    isSubject(value.subject) &&
    specials instanceof Map &&
    [...specials].every(([path, special]) => isText(path) && isSpecial(special)) &&
    absent instanceof Set &&
    [...absent].every(isText)
  );
}

function isSubject(value: unknown): value is Subject {
  if (!isObject(value) || !isObject(value.coverage)) return false;
  const { root, name, version, coverage, globs, hasDist, packageJson } = value;
  return (
    isText(root) &&
    [name, version].every(isTextOrNull) &&
    isText(coverage.kind) &&
    (coverage.include === null || isTexts(coverage.include)) &&
    isTexts(coverage.exclude) &&
    (globs === null || isGlobs(globs)) &&
    [true, false, null].includes(hasDist as boolean | null) &&
    (packageJson === null || isKnownId(packageJson))
  );
}

function isGlobs(value: unknown): value is Globs {
  if (!isObject(value)) return false;
  return [value.patterns, value.ignore, value.never].every(isTexts) && isTextOrNull(value.notAtRoot);
}

function isKnownId(value: unknown): value is KnownId {
  if (!isObject(value)) return false;
  const numbers = [value.dev, value.ino, value.size, value.mtimeMs, value.ctimeMs];
  return numbers.every((number) => typeof number === 'number') && typeof value.racy === 'boolean';
}
