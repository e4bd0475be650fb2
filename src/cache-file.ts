/**
 * Keeps a pass on disk, so that the next process starts with its stat cache, as git does with its index.
 *
 * The file: one line of JSON, and the columns that it gives the lengths of, in bytes. The numbers are little-endian doubles;
 * the texts stand between NULs, raw paths (raw-path.ts) a byte a character, so that loading is little more than a `split`.
 *
 * ```text
 * {"format":"distprint cache 1","checksum":…,"root":…,"savedMs":…,"subject":…,"specials":…,"absent":…,"columns":[…]}
 * files        dev, ino, size, mtimeMs, ctimeMs, racy (0 or 1), for each file
 * digests      16 hex digits for each file
 * paths        of everything listed, specials too
 * directories  dev, ino, size, mtimeMs, ctimeMs, racy, for each directory
 * names        of each directory: its path, then its entries, each behind `d` or `f`; a NUL more ends the directory
 * ```
 * @module
 */

import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { endianness } from 'node:os';
import writeFileAtomic from 'write-file-atomic';
import { errnoOf } from './errors.ts';
import type { FileId } from './file-id.ts';
import { hashBytes } from './hash.ts';
import { type Entry, type ListedDirectory, type Special, toEntry } from './list.ts';
import { toRaw } from './raw-path.ts';
import type { Scan, ScannedFile } from './scan.ts';
import { perform, type Work } from './steps.ts';
import { type CoverageOptions, covers, locate, type Subject } from './subject.ts';

const FORMAT = 'distprint cache 1';
const NUMBERS_EACH = 6;
const DIGEST_LENGTH = 16;

interface Head {
  format: string;
  /** XXH64 of everything after the first line. */
  checksum: string;
  root: string;
  /** Date.now() when it was saved. */
  savedMs: number;
  subject: Subject;
  specials: [string, Special][];
  absent: string[];
  /** Bytes of each column, in their order. */
  columns: number[];
}

/**
 * The pass that was saved for `root` (absolute) and the same coverage, or null. Why a file that is there was not used is added to `notes`.
 * Nothing in it is taken on trust beyond what it says of itself: a stat decides for each file, and racy ones are read again.
 */
export function loadCache(path: string, root: string, options: CoverageOptions, notes: string[]): Scan | null {
  const note = (why: string) => {
    notes.push(`${path} is not used: ${why}`);
    return null;
  };
  let bytes: Buffer;
  try {
    const fd = openSync(path, 'r');
    try {
      const { uid } = fstatSync(fd);
      if (process.getuid !== undefined && uid !== process.getuid()) return note('it belongs to another user');
      bytes = readFileSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? null : note((error as Error).message);
  }
  const headEnd = bytes.indexOf('\n');
  const head = parseHead(bytes.toString('utf8', 0, Math.max(headEnd, 0)));
  if (head === undefined) return note('it is damaged, or no cache of distprint');
  if (head.format !== FORMAT) return note(`it is of another format (${JSON.stringify(head.format)})`);
  const body = bytes.subarray(headEnd + 1);
  if (hashBytes(body) !== head.checksum) return note('it is damaged (its checksum differs)');
  if (head.root !== toRaw(root)) return note(`it is of ${head.root}`);
  if (!covers(head.subject.coverage, options)) return note('it covers something else');
  if (head.savedMs > Date.now()) return note('it was saved in the future: the clock was set back');
  return toScan(head, body);
}

/** Writes the file, atomically. Where that can't be done, `notes` says so and nothing else happens. */
export function* saveCache(path: string, pass: Scan, notes: string[]): Work<void> {
  const bytes = toBytes(pass);
  const options = { mode: 0o600 };
  try {
    yield* perform({
      sync: () => writeFileAtomic.sync(path, bytes, options),
      async: () => writeFileAtomic(path, bytes, options),
    });
  } catch (error) {
    notes.push(`${path} could not be written: ${(error as Error).message}`);
  }
}

/** Undefined where it is no JSON object. The checksum vouches for what follows, so only damage is looked for, not malice. */
function parseHead(line: string): Head | undefined {
  try {
    const head: unknown = JSON.parse(line);
    return typeof head === 'object' && head !== null && 'format' in head ? (head as Head) : undefined;
  } catch {
    return undefined;
  }
}

function toScan({ subject, specials, absent, columns }: Head, body: Buffer): Scan {
  let at = 0;
  const [fileNumbers, digests, paths, directoryNumbers, names] = columns.map((length) => {
    at += length;
    return body.subarray(at - length, at);
  }) as [Buffer, Buffer, Buffer, Buffer, Buffer];

  const special = new Map(specials);
  const listed = split(paths);
  const files: ScannedFile[] = [];
  const fileIds = readNumbers(fileNumbers);
  const allDigests = digests.toString('latin1');
  for (const path of listed) {
    if (special.has(path)) continue;
    const i = files.length;
    const digest = allDigests.slice(i * DIGEST_LENGTH, (i + 1) * DIGEST_LENGTH);
    files.push({ path, at: locate(subject, path), digest, ...readId(fileIds, i) });
  }
  const directories = new Map<string, ListedDirectory>();
  const directoryIds = readNumbers(directoryNumbers);
  const rest = names.toString('utf8').split('\0');
  for (let i = 0; i < rest.length - 1; ) {
    const raw = rest[i++] as string;
    const entries: Entry[] = [];
    for (let name = rest[i++] as string; name !== ''; name = rest[i++] as string) {
      entries.push(toEntry(name.slice(1), name.startsWith('d')));
    }
    directories.set(raw, { at: locate(subject, raw), entries, ...readId(directoryIds, directories.size) });
  }
  return { subject, listing: { paths: listed, specials: special, directories, absent: new Set(absent) }, files };
}

function toBytes({ subject, listing, files }: Scan): Buffer {
  const directories = [...listing.directories];
  const columns = [
    writeNumbers(files),
    Buffer.from(files.map((file) => file.digest).join(''), 'latin1'),
    Buffer.from(listing.paths.join('\0'), 'latin1'),
    writeNumbers(directories.map(([, directory]) => directory)),
    Buffer.from(
      directories.map(([raw, { entries }]) => `${raw}\0${entries.map(writeName).join('')}\0`).join(''),
      'utf8',
    ),
  ];
  const body = Buffer.concat(columns);
  const head: Head = {
    format: FORMAT,
    checksum: hashBytes(body),
    root: subject.root,
    savedMs: Date.now(),
    subject,
    specials: [...listing.specials],
    absent: [...listing.absent],
    columns: columns.map((column) => column.length),
  };
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), body]);
}

const writeName = (entry: Entry) => `${entry.isDirectory() ? 'd' : 'f'}${entry.name}\0`;
const split = (column: Buffer) => (column.length === 0 ? [] : column.toString('latin1').split('\0'));

interface Known {
  readonly id: FileId;
  readonly racy: boolean;
}

function writeNumbers(all: readonly Known[]): Buffer {
  const numbers = new Float64Array(all.length * NUMBERS_EACH);
  all.forEach(({ id, racy }, i) => {
    numbers.set([id.dev, id.ino, id.size, id.mtimeMs, id.ctimeMs, racy ? 1 : 0], i * NUMBERS_EACH);
  });
  const bytes = Buffer.from(numbers.buffer);
  return endianness() === 'LE' ? bytes : bytes.swap64();
}

function readNumbers(column: Buffer): Float64Array {
  const copy = Buffer.from(column); // aligned, and ours to swap
  const bytes = endianness() === 'LE' ? copy : copy.swap64();
  return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

function readId(numbers: Float64Array, index: number): Known {
  const [dev, ino, size, mtimeMs, ctimeMs, racy] = numbers.subarray(
    index * NUMBERS_EACH,
    (index + 1) * NUMBERS_EACH,
  ) as unknown as [number, number, number, number, number, number];
  return { id: { dev, ino, size, mtimeMs, ctimeMs }, racy: racy !== 0 };
}
