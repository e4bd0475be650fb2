/**
 * Builds the manifest of what lies at a path.
 * @module
 */

import { resolve } from 'node:path';
import type { CoverageOptions } from '../scan/coverage.ts';
import { type Scan, scan } from '../scan/scan.ts';
import { runAsync, runSync, type Work } from '../steps.ts';
import { type Manifest, toManifest } from './manifest.ts';

/** A manifest, and what is worth showing beside it but does not count. */
export interface BuiltManifest extends Manifest {
  /** `name` of package.json. */
  readonly name: string | null;
  /** The bytes of all files covered. */
  readonly bytes: number;
}

/** The manifest of a pass, with what is worth showing beside it. */
export function* toBuiltManifest(pass: Scan, fingerprint?: string): Work<BuiltManifest> {
  let bytes = 0;
  for (let row = 0; row < pass.ids.length; row++) bytes += pass.ids.sizeOf(row);
  return { ...(yield* toManifest(pass, fingerprint)), name: pass.subject.name, bytes };
}

function* build(path: string, options: CoverageOptions): Work<BuiltManifest> {
  const { pass } = yield* scan(resolve(path), options, null);
  return yield* toBuiltManifest(pass);
}

/**
 * Gives the event loop a turn after each short slice of work (steps.ts).
 * @throws (rejects) ERR_DISTPRINT_NOT_FOUND, _UNSUPPORTED_FILE, _PACKAGE_JSON, _UNREADABLE, _UNSTABLE, _TOO_MANY_FILES, _OPTION
 */
export function buildManifest(path: string, options: CoverageOptions = {}): Promise<BuiltManifest> {
  return runAsync(build(path, options));
}

/** The same, blocking. */
export function buildManifestSync(path: string, options: CoverageOptions = {}): BuiltManifest {
  return runSync(build(path, options));
}
