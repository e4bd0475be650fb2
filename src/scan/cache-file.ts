/**
 * Keeps a pass on disk, so that the next process starts with its stat cache, as git does with its index.
 *
 * The file: the format and the XXH64 of all that follows; a line of JSON; and the columns that it gives the lengths of, in bytes. The numbers are little-endian doubles;
 * the texts stand between NULs, raw paths (raw-path.ts) a byte a character, so that loading is little more than a `split`.
 *
 * ```text
 * distprint cache 1 CHECKSUM
 * {"root":…,"fingerprint":…,"savedMs":…,"subject":…,"arePlain":…,"specials":…,"absent":…,"columns":[…]}
 * files        dev, ino, size, mtimeMs, ctimeMs, racy (0 or 1), for each file
 * digests      16 hex digits for each file
 * paths        of everything listed, specials too
 * directories  dev, ino, size, mtimeMs, ctimeMs, racy, for each directory
 * names        of each directory: its path, then its entries, each behind `d` or `f`; two NULs end a directory
 * ```
 * @module
 */

import { isAscii } from 'node:buffer';
import { endianness } from 'node:os';
import { type Entry, type ListedDirectory, parentOf, type Special, toEntry } from '../disk/directory.ts';
import { hashBytes } from '../disk/hash.ts';
import { toRaw } from '../disk/raw-path.ts';
import { readWholeFile } from '../disk/whole-file.ts';
import { writeFileAtomic, writeFileAtomicSync } from '../disk/write-file.ts';
import { errnoOf } from '../errors.ts';
import { perform, type Work } from '../steps.ts';
import { getId, NUMBERS_EACH, setId } from './readings.ts';
import type { Scan } from './scan.ts';
import { type CoverageOptions, covers, locate, type Subject } from './subject.ts';

const FORMAT = 'distprint cache 1';
const DIGEST_LENGTH = 16;

interface Head {
  root: string;
  fingerprint: string;
  /** Date.now() when it was saved. */
  savedMs: number;
  subject: Subject;
  arePlain: boolean;
  specials: [string, Special][];
  absent: string[];
  /** Bytes of each column, in their order. */
  columns: number[];
}

export interface CachedPass {
  readonly pass: Scan;
  /** Of the pass's manifest, so that it need not be folded again. */
  readonly fingerprint: string;
}

/**
 * The pass that was saved for `root` (absolute) and the same coverage, or null. Why a file that is there was not used is added to `notes`.
 * Nothing in it is taken on trust beyond what it says of itself: a stat decides for each file, and racy ones are read again.
 */
export function loadCache(path: string, root: string, options: CoverageOptions, notes: string[]): CachedPass | null {
  const note = (why: string) => {
    notes.push(`${path} is not used: ${why}`);
    return null;
  };
  let bytes: Buffer;
  try {
    const whole = readWholeFile(path);
    if (process.getuid !== undefined && whole.stats.uid !== process.getuid()) return note('it belongs to another user');
    bytes = whole.bytes;
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? null : note((error as Error).message);
  }
  const start = bytes.toString('latin1', 0, START_LENGTH);
  if (!start.startsWith(`${FORMAT} `)) {
    return note(
      start.startsWith('distprint cache ') ? 'it is of another format' : 'it is damaged, or no cache of distprint',
    );
  }
  const rest = bytes.subarray(START_LENGTH);
  if (start !== toStart(rest)) return note('it is damaged (its checksum differs)');
  const headEnd = rest.indexOf('\n');
  const head = JSON.parse(rest.toString('utf8', 0, headEnd)) as Head;
  if (head.root !== toRaw(root)) return note(`it is of ${head.root}`);
  if (!covers(head.subject.coverage, options)) return note('it covers something else');
  if (head.savedMs > Date.now()) return note('it was saved in the future: the clock was set back');
  return { pass: toPass(head, rest.subarray(headEnd + 1)), fingerprint: head.fingerprint };
}

/** Writes the file, atomically. Where that can't be done, `notes` says so and nothing else happens. */
export function* saveCache(path: string, cached: CachedPass, notes: string[]): Work<void> {
  const bytes = toBytes(cached);
  const options = { mode: 0o600 };
  try {
    yield* perform({
      sync: () => writeFileAtomicSync(path, bytes, options),
      async: () => writeFileAtomic(path, bytes, options),
    });
  } catch (error) {
    notes.push(`${path} could not be written: ${(error as Error).message}`);
  }
}

/** The first line: it vouches for what follows, against damage, not malice. */
const toStart = (rest: Buffer) => `${FORMAT} ${hashBytes(rest)}\n`;
const START_LENGTH = FORMAT.length + 1 + DIGEST_LENGTH + 1;

function toPass({ subject, arePlain, specials, absent, columns }: Head, body: Buffer): Scan {
  let at = 0;
  const [ids, digests, paths, directoryIds, names] = columns.map((length) => {
    at += length;
    return body.subarray(at - length, at);
  }) as [Buffer, Buffer, Buffer, Buffer, Buffer];
  const special = new Map(specials);
  const listed = split(paths);
  const files = special.size === 0 ? listed : listed.filter((path) => !special.has(path));
  const readings = {
    paths: files,
    places: new Array(files.length),
    digests: sliceDigests(digests.toString('latin1')),
    ids: readNumbers(ids),
  };
  const directories = toDirectories(subject, specials, readNumbers(directoryIds), names);
  const listing = { paths: listed, arePlain, specials: special, directories, absent: new Set(absent) };
  return { subject, listing, readings, fresh: [] };
}

function toDirectories(
  subject: Subject,
  specials: readonly [string, Special][],
  ids: Float64Array,
  names: Buffer,
): Map<string, ListedDirectory> {
  const directories = new Map<string, ListedDirectory>();
  // Nearly all names are ASCII, which need not be decoded.
  for (const block of names
    .toString(isAscii(names) ? 'latin1' : 'utf8')
    .split('\0\0')
    .slice(0, -1)) {
    const end = block.indexOf('\0');
    const raw = end === -1 ? block : block.slice(0, end);
    // Unpacked when they are first needed: not before a directory has moved.
    const entries = () => (end === -1 ? [] : block.split('\0').slice(1).map(readName));
    const inIt = specials.length === 0 ? NO_SPECIALS : new Map(specials.filter(([path]) => parentOf(path) === raw));
    directories.set(raw, { at: locate(subject, raw), entries, specials: inIt, id: getId(ids, directories.size) });
  }
  return directories;
}

const NO_SPECIALS: ReadonlyMap<string, Special> = new Map();

function toBytes({ pass: { subject, listing, readings }, fingerprint }: CachedPass): Buffer {
  const directories = [...listing.directories];
  const directoryIds = new Float64Array(directories.length * NUMBERS_EACH);
  directories.forEach(([, { id }], row) => {
    setId(directoryIds, row, id);
  });
  const columns = [
    writeNumbers(readings.ids),
    Buffer.from(readings.digests.join(''), 'latin1'),
    Buffer.from(listing.paths.join('\0'), 'latin1'),
    writeNumbers(directoryIds),
    Buffer.from(
      directories.map(([raw, { entries }]) => `${[raw, ...entries().map(writeName)].join('\0')}\0\0`).join(''),
      'utf8',
    ),
  ];
  const body = Buffer.concat(columns);
  const head: Head = {
    root: subject.root,
    fingerprint,
    savedMs: Date.now(),
    subject,
    arePlain: listing.arePlain,
    specials: [...listing.specials],
    absent: [...listing.absent],
    columns: columns.map((column) => column.length),
  };
  const rest = Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), body]);
  return Buffer.concat([Buffer.from(toStart(rest)), rest]);
}

const writeName = (entry: Entry) => `${entry.isDirectory() ? 'd' : 'f'}${entry.name}`;
const readName = (name: string) => toEntry(name.startsWith('d') ? `${name.slice(1)}/` : name.slice(1));
const split = (column: Buffer) => (column.length === 0 ? [] : column.toString('latin1').split('\0'));

function sliceDigests(all: string): string[] {
  const digests: string[] = [];
  for (let at = 0; at < all.length; at += DIGEST_LENGTH) digests.push(all.slice(at, at + DIGEST_LENGTH));
  return digests;
}

function writeNumbers(numbers: Float64Array): Buffer {
  const bytes = Buffer.from(numbers.slice().buffer);
  return endianness() === 'LE' ? bytes : bytes.swap64();
}

function readNumbers(column: Buffer): Float64Array {
  const numbers = new Float64Array(column.length / Float64Array.BYTES_PER_ELEMENT);
  const bytes = Buffer.from(numbers.buffer);
  bytes.set(column);
  if (endianness() !== 'LE') bytes.swap64();
  return numbers;
}
