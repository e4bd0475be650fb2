/**
 * `distprint diff` and `distprint verify`.
 * @module
 */

import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { statOrNothing } from '../disk/stat.ts';
import { DistprintError, isDistprintError } from '../errors.ts';
import { buildManifest } from '../manifest/build.ts';
import { diffManifests, isEmptyDiff } from '../manifest/diff.ts';
import { looksLikeManifest, type Manifest, parseManifest } from '../manifest/manifest.ts';
import { toCoverageOptions } from '../scan/coverage.ts';
import { DIFFERENT, print, printJson, SAME, toDiffLines } from './output.ts';
import { withProgress } from './progress.ts';

export interface DiffCliOptions {
  json?: boolean;
}

export interface VerifyCliOptions extends DiffCliOptions {
  manifest: string;
}

export async function diff(a: string, b: string, options: DiffCliOptions): Promise<void> {
  const [fileA, fileB] = [readIfManifest(a), readIfManifest(b)];
  const [from, to] = await Promise.all([fileA ?? buildLike(fileB, a), fileB ?? buildLike(fileA, b)]);
  report(from, to, options);
}

export async function verify(path: string, options: VerifyCliOptions): Promise<void> {
  const expected = readManifest(options.manifest);
  report(expected, await withProgress(() => buildLike(expected, path)), options);
}

/** Covers what `other` covers, so that the two can be compared. */
function buildLike(other: Manifest | undefined, path: string): Promise<Manifest> {
  return buildManifest(path, other && toCoverageOptions(other));
}

/** Prints what changed from `a` to `b`, and sets the exit code. */
function report(a: Manifest, b: Manifest, options: DiffCliOptions): void {
  const found = diffManifests(a, b);
  const same = isEmptyDiff(found);
  if (options.json) printJson({ same, from: a.fingerprint, to: b.fingerprint, ...found });
  else for (const line of toDiffLines(found)) print(line);
  process.exitCode = same ? SAME : DIFFERENT;
}

const readIfManifest = (path: string) => (isManifestFile(path) ? readManifest(path) : undefined);

/** Reads the first bytes only: an executable may have 142 MB. */
function isManifestFile(path: string): boolean {
  if (!statOrNothing(path)?.isFile()) return false;
  const start = Buffer.alloc(32);
  const fd = openSync(path, 'r');
  try {
    return looksLikeManifest(start.toString('latin1', 0, readSync(fd, start)));
  } finally {
    closeSync(fd);
  }
}

function readManifest(path: string): Manifest {
  try {
    return parseManifest(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(path)));
  } catch (error) {
    const at = isDistprintError(error) && error.line !== undefined ? { line: error.line } : {};
    const message = `${path}: ${(error as Error).message}`;
    throw new DistprintError('ERR_DISTPRINT_MANIFEST', message, { path, cause: error, ...at });
  }
}
