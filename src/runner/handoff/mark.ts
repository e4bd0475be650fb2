/**
 * Tells, by a look at its files, whether a program knows the hand-off. One that does not would run as a whole in its rehearsal.
 * @module
 */

import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { readPath, toFsPath, toRaw } from '../../disk/raw-path.ts';
import { OPEN_FLAGS } from '../../disk/whole-file.ts';
import { HANDOFF_VARIABLE } from './protocol.ts';

/** One of these is in whatever calls `claimRunner`: the import, or, where distprint was bundled, what it reads at the start. */
export const MARKS: readonly string[] = ['distprint/runner', HANDOFF_VARIABLE];

const CHUNK_BYTES = 256 * 1024;
const OVERLAP_BYTES = Math.max(...MARKS.map((mark) => mark.length)) - 1;

/**
 * Whether a mark is in one of these files. What is gone, or can't be read, has none.
 * @param root of the program: an executable, or a directory
 * @param paths of its files, as a manifest writes them
 */
export async function hasMark(root: string, paths: Iterable<string>): Promise<boolean> {
  const chunk = Buffer.allocUnsafeSlow(OVERLAP_BYTES + CHUNK_BYTES);
  for (const path of paths) {
    const file = path === '.' ? root : toFsPath(join(toRaw(root), readPath(path) ?? path));
    if (await isIn(file, chunk).catch(() => false)) return true;
  }
  return false;
}

/** In parts, each read by the thread pool: an executable may have hundreds of MB. */
async function isIn(path: string | Buffer, chunk: Buffer): Promise<boolean> {
  const file = await open(path, OPEN_FLAGS);
  try {
    if (!(await file.stat()).isFile()) return false;
    for (let kept = 0; ; ) {
      const { bytesRead } = await file.read(chunk, kept, CHUNK_BYTES, null);
      if (bytesRead === 0) return false;
      const seen = chunk.subarray(0, kept + bytesRead);
      if (MARKS.some((mark) => seen.includes(mark))) return true;
      kept = Math.min(OVERLAP_BYTES, seen.length); // a mark may lie across two parts
      seen.copyWithin(0, seen.length - kept);
    }
  } finally {
    await file.close();
  }
}
