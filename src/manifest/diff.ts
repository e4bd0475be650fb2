/**
 * What differs between two manifests.
 * @module
 */

import { isDeepStrictEqual } from 'node:util';
import { readPath } from '../disk/raw-path.ts';
import { DistprintError } from '../errors.ts';
import type { Coverage } from '../scan/coverage.ts';
import type { Manifest, ManifestEntry } from './manifest.ts';

/** What leads from one manifest to another. */
export interface ManifestDiff {
  /** Both versions where they differ, else null. */
  readonly version: { readonly from: string | null; readonly to: string | null } | null;
  /** Written paths, in manifest order. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

/** A file that differs. */
export interface FileDifference {
  /** The written path. */
  readonly path: string;
  /** Its content (`ManifestEntry`) on each side. Null where it is not there. */
  readonly from: string | null;
  readonly to: string | null;
}

/**
 * From `a` to `b`.
 * @throws ERR_DISTPRINT_COVERAGE where the two do not cover the same
 */
export function diffManifests(a: Manifest, b: Manifest): ManifestDiff {
  return toManifestDiff(a, b, listDifferences(a, b));
}

/** @param differences of the two */
export function toManifestDiff(a: Manifest, b: Manifest, differences: readonly FileDifference[]): ManifestDiff {
  const added: string[] = [];
  const removed: string[] = [];
  const changed: string[] = [];
  for (const { path, from, to } of differences) (from === null ? added : to === null ? removed : changed).push(path);
  const version = a.version === b.version ? null : { from: a.version, to: b.version };
  return { version, added, removed, changed };
}

/**
 * The files that differ, in manifest order.
 * @throws ERR_DISTPRINT_COVERAGE where the two do not cover the same
 */
export function listDifferences(a: Manifest, b: Manifest): FileDifference[] {
  assertSameCoverage(a, b);
  const found: FileDifference[] = [];
  let i = 0;
  let j = 0;
  while (i < a.entries.length || j < b.entries.length) {
    const left = a.entries[i];
    const right = b.entries[j];
    if (left !== undefined && left.path === right?.path) {
      if (left.content !== right.content) found.push({ path: left.path, from: left.content, to: right.content });
      i++;
      j++;
    } else if (left !== undefined && (right === undefined || comesBefore(left.path, right.path))) {
      found.push({ path: left.path, from: left.content, to: null });
      i++;
    } else {
      const { path, content } = right as ManifestEntry;
      found.push({ path, from: null, to: content });
      j++;
    }
  }
  return found;
}

/** Whether both manifests say the same. */
export function isEmptyDiff(diff: ManifestDiff): boolean {
  return diff.version === null && diff.added.length + diff.removed.length + diff.changed.length === 0;
}

/** In the order of manifests, which is that of the raw paths. */
const comesBefore = (a: string, b: string) => (readPath(a) ?? a) < (readPath(b) ?? b);

function assertSameCoverage(a: Coverage, b: Coverage): void {
  const differing = (['kind', 'include', 'exclude'] as const).filter((field) => !isDeepStrictEqual(a[field], b[field]));
  if (differing.length === 0) return;
  const say = (coverage: Coverage) =>
    differing.map((field) => `${field} ${JSON.stringify(coverage[field] ?? 'default')}`).join(', ');
  throw new DistprintError(
    'ERR_DISTPRINT_COVERAGE',
    `the two do not cover the same and can't be compared: ${say(a)} on one side, ${say(b)} on the other`,
  );
}
