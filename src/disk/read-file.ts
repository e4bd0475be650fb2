/**
 * Reads a file's content into a digest, and makes sure that the file held still meanwhile.
 *
 * Size and timestamps are taken before and after. If they differ, or if fewer bytes came than the size promised, the file is read
 * again, `ATTEMPTS` times at most.
 * @module
 */

import { closeSync, openSync, read, readSync, type Stats } from 'node:fs';
import { DistprintError, leadsNowhere, unreadable } from '../errors.ts';
import { saysSocket } from '../platform/paths.ts';
import { PAUSE, perform, runSync, type Work } from '../steps.ts';
import { createStreamingHash, hashRoom, makeRoom, type StreamingHash } from './hash.ts';
import { progress } from './progress.ts';
import { isRacy, type KnownId, sameId, statOpen } from './stat.ts';
import { OPEN_FLAGS } from './whole-file.ts';

/** What reading one file gave. `size` is the number of bytes read. */
export interface Reading extends KnownId {
  readonly digest: string;
}

const ATTEMPTS = 3;
/** Large enough to make system calls cheap; small enough to fit in a core's L2 cache, together with its copy in wasm. */
const CHUNK_BYTES = 256 * 1024;
/** Up to this size a file is read without a pause: 0.2 ms. */
const SMALL_BYTES = 1024 * 1024;
/** From this size on, the thread pool reads ahead while this thread hashes. For smaller files, waking the pool costs more than it saves. */
const READ_AHEAD_FROM_BYTES = 16 * 1024 * 1024;
const READ_AHEAD_CHUNK_BYTES = 1024 * 1024;
const READ_AHEAD_CHUNKS = 4;

const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);

/**
 * Reads a file of usual size in one go. Returns undefined if the file is larger or moved: then `readFile` must read it.
 * @param looked what a stat just found at the path. Doubles as the stat before the read; the fstat after it catches a swap.
 */
export function readSmallFile(at: string | Buffer, looked?: Stats): Reading | undefined {
  if (looked !== undefined && !isSmallFile(looked)) return undefined;
  const wallMs = Date.now();
  const fd = openSync(at, OPEN_FLAGS);
  try {
    const before = looked ?? statOpen(fd);
    if (!isSmallFile(before)) return undefined;
    const { size } = before;
    let length: number;
    let digest: string;
    if (size <= CHUNK_BYTES) {
      length = readFully(fd, makeRoom(size), size);
      digest = hashRoom(length);
    } else {
      const hash = createStreamingHash();
      length = runSync(hashInChunks(fd, size, hash));
      digest = hash.digest();
    }
    const after = statOpen(fd);
    return length === size && sameId(before, after) ? toReading(digest, after, wallMs, at) : undefined;
  } finally {
    closeSync(fd);
  }
}

const isSmallFile = (stats: Stats) => stats.size <= SMALL_BYTES && stats.isFile();

/** `toKnownId` with a digest, as one object: it is made for every file. */
function toReading(digest: string, stats: Stats, wallMs: number, at: string | Buffer): Reading {
  const { dev, ino, size, mtimeMs, ctimeMs } = stats;
  return { digest, dev, ino, size, mtimeMs, ctimeMs, racy: isRacy(stats, wallMs, at) };
}

/** Reads up to `length` bytes. One read is enough for most files; a signal or a network may cut it short. */
function readFully(fd: number, room: Uint8Array, length: number): number {
  let got = readSync(fd, room, 0, length, 0);
  while (got < length) {
    const more = readSync(fd, room, got, length - got, got);
    if (more === 0) break;
    got += more;
  }
  return got;
}

/**
 * Reads a file of any size.
 * @param path the file's name in messages
 * @throws ERR_DISTPRINT_UNSTABLE if the file changed during every attempt, or is no longer a file; ERR_DISTPRINT_UNREADABLE
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
    const before = statOpen(fd);
    if (!before.isFile()) {
      throw new DistprintError('ERR_DISTPRINT_UNSTABLE', `${path} stopped being a regular file while it was read`, {
        path,
      });
    }
    const hash = createStreamingHash();
    progress.fileBytes = before.size;
    progress.fileBytesDone = 0;
    const length =
      before.size < READ_AHEAD_FROM_BYTES
        ? yield* hashInChunks(fd, before.size, hash)
        : yield* perform({
            sync: () => runSync(hashInChunks(fd, before.size, hash)),
            async: () => hashReadingAhead(fd, before.size, hash),
          });
    const after = statOpen(fd);
    if (length !== before.size || !sameId(before, after)) return undefined;
    return toReading(hash.digest(), after, wallMs, at);
  } catch (error) {
    throw unreadable(error, path);
  } finally {
    progress.fileBytes = 0;
    closeSync(fd);
  }
}

/** The error for a file that was listed and is gone now. Undefined if `error` says something else. */
export function vanished(error: unknown, path: string): DistprintError | undefined {
  if (!leadsNowhere(error) && !saysSocket(error)) return undefined;
  return new DistprintError('ERR_DISTPRINT_UNSTABLE', `${path} was gone before it could be read`, {
    path,
    cause: error,
  });
}

/** Returns the number of bytes hashed, at most `size`. `hashReadingAhead` does too. */
function* hashInChunks(fd: number, size: number, hash: StreamingHash): Work<number> {
  let done = 0;
  while (done < size) {
    const length = readSync(fd, chunk, 0, CHUNK_BYTES, done);
    if (length === 0) break;
    hash.update(chunk.subarray(0, length));
    done += length;
    progress.fileBytesDone = done;
    yield PAUSE;
  }
  return done;
}

/** Keeps `READ_AHEAD_CHUNKS` reads going in the thread pool, so that one core reads while another hashes. */
async function hashReadingAhead(fd: number, size: number, hash: StreamingHash): Promise<number> {
  const underWay: Promise<Uint8Array>[] = [];
  let asked = 0;
  const ask = (buffer: Buffer) => {
    if (asked >= size) return;
    const reading = readAt(fd, buffer, asked);
    reading.catch(() => {}); // awaited below; until then a failure must not count as an unhandled rejection
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
      progress.fileBytesDone = done;
      // A short read means that the file shrank: the reads beyond it will give nothing.
      if (bytes.length < READ_AHEAD_CHUNK_BYTES) break;
      ask(Buffer.from(bytes.buffer));
    }
    return done;
  } finally {
    // The pool's threads still use the descriptor. Closed now, its number could be reused under them.
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
