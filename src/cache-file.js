/**
 * Keeps a pass on disk, so that the next process starts with its stat cache, as git does with its index.
 *
 * The file: the format and the XXH64 of all that follows; a line of JSON; and the columns that it gives the lengths of, in bytes. The numbers are little-endian doubles;
 * the texts stand between NULs, raw paths (raw-path.ts) a byte a character, so that loading is little more than a `split`.
 *
 * ```text
 * distprint cache 1 CHECKSUM
 * {"root":…,"fingerprint":…,"savedMs":…,"subject":…,"specials":…,"absent":…,"columns":[…]}
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
import { parentOf, toEntry } from './disk.ts';
import { errnoOf } from './errors.ts';
import { hashBytes } from './hash.ts';
import { loadWriteFileAtomic } from './on-demand.ts';
import { toRaw } from './raw-path.ts';
import { perform } from './steps.ts';
import { covers, locate } from './subject.ts';
import { readWholeFile } from './whole-file.ts';

const FORMAT = 'distprint cache 1';
const NUMBERS_EACH = 6;
const DIGEST_LENGTH = 16;
/**
 * The pass that was saved for `root` (absolute) and the same coverage, or null. Why a file that is there was not used is added to `notes`.
 * Nothing in it is taken on trust beyond what it says of itself: a stat decides for each file, and racy ones are read again.
 */
export function loadCache(path, root, options, notes) {
  const note = (why) => {
    notes.push(`${path} is not used: ${why}`);
    return null;
  };
  let bytes;
  try {
    const whole = readWholeFile(path);
    if (process.getuid !== undefined && whole.stats.uid !== process.getuid()) return note('it belongs to another user');
    bytes = whole.bytes;
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? null : note(error.message);
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
  const head = JSON.parse(rest.toString('utf8', 0, headEnd));
  if (head.root !== toRaw(root)) return note(`it is of ${head.root}`);
  if (!covers(head.subject.coverage, options)) return note('it covers something else');
  if (head.savedMs > Date.now()) return note('it was saved in the future: the clock was set back');
  return { pass: toScan(head, rest.subarray(headEnd + 1)), fingerprint: head.fingerprint };
}
/** Writes the file, atomically. Where that can't be done, `notes` says so and nothing else happens. */
export function* saveCache(path, cached, notes) {
  const bytes = toBytes(cached);
  const options = { mode: 0o600 };
  try {
    yield* perform({
      sync: () => loadWriteFileAtomic().sync(path, bytes, options),
      async: () => loadWriteFileAtomic()(path, bytes, options),
    });
  } catch (error) {
    notes.push(`${path} could not be written: ${error.message}`);
  }
}
/** The first line: it vouches for what follows, against damage, not malice. */
const toStart = (rest) => `${FORMAT} ${hashBytes(rest)}\n`;
const START_LENGTH = FORMAT.length + 1 + DIGEST_LENGTH + 1;
function toScan({ subject, specials, absent, columns }, body) {
  let at = 0;
  const [fileNumbers, digests, paths, directoryNumbers, names] = columns.map((length) => {
    at += length;
    return body.subarray(at - length, at);
  });
  const special = new Map(specials);
  const listed = split(paths);
  const isPlain = subject.globs !== null && isAscii(paths) && isAscii(Buffer.from(subject.root));
  const numbers = readNumbers(fileNumbers);
  const allDigests = digests.toString('latin1');
  const files = [];
  for (const path of listed) {
    if (special.has(path)) continue;
    const i = files.length;
    files.push({
      path,
      at: isPlain ? `${subject.root}/${path}` : locate(subject, path),
      reading: { digest: allDigests.slice(i * DIGEST_LENGTH, (i + 1) * DIGEST_LENGTH), ...idAt(numbers, i) },
    });
  }
  const specialsIn = (raw) => new Map(specials.filter(([path]) => parentOf(path) === raw));
  const directories = new Map();
  const directoryIds = readNumbers(directoryNumbers);
  for (const block of names.toString('utf8').split('\0\0').slice(0, -1)) {
    const end = block.indexOf('\0');
    const raw = end === -1 ? block : block.slice(0, end);
    // Unpacked when they are first needed: not before a directory has moved.
    const entries = () =>
      end === -1
        ? []
        : block
            .slice(end + 1)
            .split('\0')
            .map(readName);
    const id = idAt(directoryIds, directories.size);
    directories.set(raw, { at: locate(subject, raw), entries, specials: specialsIn(raw), id });
  }
  return {
    subject,
    listing: { paths: listed, specials: special, directories, absent: new Set(absent) },
    files,
    fresh: [],
  };
}
function toBytes({ pass: { subject, listing, files }, fingerprint }) {
  const directories = [...listing.directories];
  const columns = [
    writeNumbers(files.map((file) => file.reading)),
    Buffer.from(files.map((file) => file.reading.digest).join(''), 'latin1'),
    Buffer.from(listing.paths.join('\0'), 'latin1'),
    writeNumbers(directories.map(([, directory]) => directory.id)),
    Buffer.from(
      directories.map(([raw, { entries }]) => `${[raw, ...entries().map(writeName)].join('\0')}\0\0`).join(''),
      'utf8',
    ),
  ];
  const body = Buffer.concat(columns);
  const head = {
    root: subject.root,
    fingerprint,
    savedMs: Date.now(),
    subject,
    specials: [...listing.specials],
    absent: [...listing.absent],
    columns: columns.map((column) => column.length),
  };
  const rest = Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), body]);
  return Buffer.concat([Buffer.from(toStart(rest)), rest]);
}
const writeName = (entry) => `${entry.isDirectory() ? 'd' : 'f'}${entry.name}`;
const readName = (name) => toEntry(name.slice(1), name.startsWith('d'));
const split = (column) => (column.length === 0 ? [] : column.toString('latin1').split('\0'));
function writeNumbers(ids) {
  const numbers = new Float64Array(ids.length * NUMBERS_EACH);
  ids.forEach(({ dev, ino, size, mtimeMs, ctimeMs, racy }, i) => {
    numbers.set([dev, ino, size, mtimeMs, ctimeMs, racy ? 1 : 0], i * NUMBERS_EACH);
  });
  const bytes = Buffer.from(numbers.buffer);
  return endianness() === 'LE' ? bytes : bytes.swap64();
}
function readNumbers(column) {
  const copy = Buffer.from(column); // aligned, and ours to swap
  const bytes = endianness() === 'LE' ? copy : copy.swap64();
  return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}
function idAt(numbers, index) {
  const at = index * NUMBERS_EACH;
  const number = (column) => numbers[at + column];
  return {
    dev: number(0),
    ino: number(1),
    size: number(2),
    mtimeMs: number(3),
    ctimeMs: number(4),
    racy: number(5) === 1,
  };
}
