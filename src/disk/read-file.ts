/**
 * Reads a file's content into a digest, and tells whether it held still meanwhile.
 *
 * Size and timestamps are taken before and after; where they differ, or where fewer bytes came than the size promised,
 * the reading is thrown away and made again, `ATTEMPTS` times at most. A small file that is not racy (stat.ts) needs no look
 * before: its ctime, taken after, is from before the reading began, so whatever was written came earlier. That is what the stat
 * cache trusts as well, and a look is a tenth of what reading a small file costs.
 * @module
 */

import { closeSync, fstatSync, openSync, read, readSync, type Stats } from 'node:fs';
import { DistprintError, errnoOf, leadsNowhere, unreadable } from '../errors.ts';
import { PAUSE, perform, runSync, type Work } from '../steps.ts';
import { createStreamingHash, hashBytes, type StreamingHash } from './hash.ts';
import { type FileId, isRacy, type KnownId, sameId } from './stat.ts';
import { OPEN_FLAGS } from './whole-file.ts';

/** What reading one file gave. `size` is the number of bytes read. */
export interface Reading extends KnownId {
  readonly digest: string;
}

const ATTEMPTS = 3;
/** Large enough that a system call costs little beside it, small enough to stay in a core's L2 cache with its copy in wasm. */
const CHUNK_BYTES = 256 * 1024;
/** Nine files of ten are smaller. Reading so much of a larger one in vain takes 2 µs. */
const START_BYTES = 64 * 1024;
/** Up to this size a file is read without a pause: 0.2 ms. */
const SMALL_BYTES = 1024 * 1024;
/** From this size on, asynchronous reading lets the thread pool read ahead while this thread hashes; below, waking it costs more. */
const READ_AHEAD_FROM_BYTES = 16 * 1024 * 1024;
const READ_AHEAD_CHUNK_BYTES = 1024 * 1024;
const READ_AHEAD_CHUNKS = 4;

const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);

/**
 * A file of usual size, read in one go; undefined where it is larger or moved, and `readFile` must see to it.
 * @param looked what a stat found at the path just now. It does for the look before the reading: were something else opened, the
 * look after it would tell.
 */
export function readSmallFile(at: string | Buffer, looked?: Stats): Reading | undefined {
  if (looked !== undefined && !isSmallFile(looked)) return undefined;
  const wallMs = Date.now();
  const fd = openSync(at, OPEN_FLAGS);
  try {
    let before = looked;
    if (before === undefined) {
      const length = readStart(fd);
      before = fstatSync(fd);
      if (length < START_BYTES && length === before.size && before.isFile() && isOlder(before, wallMs))
        return toReading(hashBytes(chunk.subarray(0, length)), before, wallMs);
    }
    if (!isSmallFile(before)) return undefined;
    const { size } = before;
    let length: number;
    let digest: string;
    if (size <= CHUNK_BYTES) {
      length = readFully(fd, size);
      digest = hashBytes(chunk.subarray(0, length));
    } else {
      const hash = createStreamingHash();
      length = runSync(hashInChunks(fd, size, hash));
      digest = hash.digest();
    }
    const after = fstatSync(fd);
    return length === size && sameId(before, after) ? toReading(digest, after, wallMs) : undefined;
  } finally {
    closeSync(fd);
  }
}

/** Fills `chunk` with up to `START_BYTES`; returns how many came, -1 where nothing can be read (no file any more, EIO). */
function readStart(fd: number): number {
  try {
    return readSync(fd, chunk, 0, START_BYTES, 0);
  } catch {
    return -1;
  }
}

/** Whether nobody wrote to it since `wallMs`, which is past: unless the clock was set back, when no ctime says anything. */
const isOlder = ({ ctimeMs }: Stats, wallMs: number) => !isRacy(ctimeMs, wallMs) && Date.now() >= wallMs;

const isSmallFile = (stats: Stats) => stats.size <= SMALL_BYTES && stats.isFile();

/** In one go, for it is made for every file: `toKnownId` with a digest. */
function toReading(digest: string, { dev, ino, size, mtimeMs, ctimeMs }: FileId, wallMs: number): Reading {
  return { digest, dev, ino, size, mtimeMs, ctimeMs, racy: isRacy(ctimeMs, wallMs) };
}

/** Fills `chunk` with up to `length` bytes. One read does for a regular file; a signal or a network may cut it short. */
function readFully(fd: number, length: number): number {
  let got = readSync(fd, chunk, 0, length, 0);
  while (got < length) {
    const more = readSync(fd, chunk, got, length - got, got);
    if (more === 0) break;
    got += more;
  }
  return got;
}

/**
 * Reads a file of any size.
 * @param path how messages name it
 * @throws ERR_DISTPRINT_UNSTABLE where it never held still, or is no file any more; ERR_DISTPRINT_UNREADABLE
 */
export function* readFile(at: string | Buffer, path: string): Work<Reading> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const reading = yield* readOnce(at, path);
    if (reading !== undefined) return reading;
    yield PAUSE;
  }
  throw new DistprintError(
    'ERR_DISTPRINT_UNSTABLE',
    `${path} changed each of the ${ATTEMPTS} times it was read: try again when whatever writes it is done`,
    { path },
  );
}

function* readOnce(at: string | Buffer, path: string): Work<Reading | undefined> {
  const wallMs = Date.now();
  let fd: number;
  try {
    fd = openSync(at, OPEN_FLAGS);
  } catch (error) {
    throw vanished(error, path) ?? unreadable(error, path);
  }
  try {
    const before = fstatSync(fd);
    if (!before.isFile()) {
      throw new DistprintError('ERR_DISTPRINT_UNSTABLE', `${path} stopped being a regular file while it was read`, {
        path,
      });
    }
    const hash = createStreamingHash();
    const length =
      before.size < READ_AHEAD_FROM_BYTES
        ? yield* hashInChunks(fd, before.size, hash)
        : yield* perform({
            sync: () => runSync(hashInChunks(fd, before.size, hash)),
            async: () => hashReadingAhead(fd, before.size, hash),
          });
    const after = fstatSync(fd);
    if (length !== before.size || !sameId(before, after)) return undefined;
    return toReading(hash.digest(), after, wallMs);
  } catch (error) {
    throw unreadable(error, path);
  } finally {
    closeSync(fd);
  }
}

/** The error for a file that was listed and is gone now, or undefined where `error` is not of that kind. */
export function vanished(error: unknown, path: string): DistprintError | undefined {
  if (!leadsNowhere(error) && errnoOf(error) !== 'ENXIO') return undefined;
  return new DistprintError('ERR_DISTPRINT_UNSTABLE', `${path} was gone before it could be read`, {
    path,
    cause: error,
  });
}

/** This and `hashReadingAhead` return how many bytes there were, `size` at most. */
function* hashInChunks(fd: number, size: number, hash: StreamingHash): Work<number> {
  let done = 0;
  while (done < size) {
    const length = readSync(fd, chunk, 0, CHUNK_BYTES, done);
    if (length === 0) break;
    hash.update(chunk.subarray(0, length));
    done += length;
    yield PAUSE;
  }
  return done;
}

/** Keeps `READ_AHEAD_CHUNKS` reads under way in the thread pool, so that reading and hashing use a core each. */
async function hashReadingAhead(fd: number, size: number, hash: StreamingHash): Promise<number> {
  const underWay: Promise<Uint8Array>[] = [];
  let asked = 0;
  const ask = (buffer: Buffer) => {
    if (asked >= size) return;
    const reading = readAt(fd, buffer, asked);
    reading.catch(() => {}); // seen below, but perhaps only after its turn: it must not count as unhandled until then
    underWay.push(reading);
    asked += buffer.length;
  };
  try {
    for (let i = 0; i < READ_AHEAD_CHUNKS; i++) ask(Buffer.allocUnsafeSlow(READ_AHEAD_CHUNK_BYTES));
    let done = 0;
    for (let next = underWay.shift(); next !== undefined; next = underWay.shift()) {
      const bytes = await next;
      for (let at = 0; at < bytes.length; at += CHUNK_BYTES) hash.update(bytes.subarray(at, at + CHUNK_BYTES));
      done += bytes.length;
      // A short read is the end of a file that shrank; what was asked for beyond it is not worth waiting for.
      if (bytes.length < READ_AHEAD_CHUNK_BYTES) break;
      ask(Buffer.from(bytes.buffer));
    }
    return done;
  } finally {
    // The pool's threads still hold the descriptor: it must not be closed, and its number reused, under them.
    await Promise.allSettled(underWay);
  }
}

function readAt(fd: number, buffer: Buffer, position: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, buffer.length, position, (error, length) => {
      if (error) reject(error);
      else resolve(buffer.subarray(0, length));
    });
  });
}
