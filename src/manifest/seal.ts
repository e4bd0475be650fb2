/**
 * A seal is a manifest that a build leaves inside the package, so that a copy of the package can tell whether it is whole.
 *
 * It lies in `dist`, which every packer takes along; without a `dist`, at the root. It never counts as content.
 * @module
 */

import { join } from 'node:path';
import { toRoot } from '../disk/raw-path.ts';
import { statOrNothing } from '../disk/stat.ts';
import { readWholeFile } from '../disk/whole-file.ts';
import { writeFileAtomic } from '../disk/write-file.ts';
import { DistprintError, leadsNowhere, unreadable } from '../errors.ts';
import { type CoverageOptions, SEAL_NAME } from '../scan/coverage.ts';
import { findDist } from '../scan/subject.ts';
import { buildManifest } from './build.ts';
import { type Manifest, parseManifest, serializeManifest } from './manifest.ts';

const places = (directory: string) => [join(directory, 'dist', SEAL_NAME), join(directory, SEAL_NAME)];

/**
 * Writes the seal of the package or directory at `path`; returns where, and what it says.
 * @throws what `buildManifest` throws; ERR_DISTPRINT_OPTION for an executable
 */
export async function writeSeal(
  path: string,
  options: CoverageOptions = {},
): Promise<{ file: string; manifest: Manifest }> {
  return placeSeal(path, await buildManifest(path, options));
}

/**
 * The same, of a manifest that was just built.
 * @throws ERR_DISTPRINT_OPTION for an executable; the operating system's errors as they are
 */
export async function placeSeal(path: string, manifest: Manifest): Promise<{ file: string; manifest: Manifest }> {
  if (manifest.kind === 'executable') {
    throw new DistprintError('ERR_DISTPRINT_OPTION', `${path} is a file: only a directory can hold a seal`, { path });
  }
  const file = places(path)[findDist(toRoot(path)) ? 0 : 1] as string;
  await writeFileAtomic(file, serializeManifest(manifest));
  return { file, manifest };
}

/** A seal of a million files takes some 100 MB. */
const MAX_BYTES = 256 * 1024 * 1024;

/** Whether a directory has a seal, of whatever state. */
export const hasSeal = (directory: string): boolean =>
  places(directory).some((file) => statOrNothing(file) !== undefined);

/**
 * The seal inside a directory. Undefined if it has none.
 * @throws ERR_DISTPRINT_MANIFEST if it is damaged or half written; ERR_DISTPRINT_UNREADABLE; ERR_DISTPRINT_UNSUPPORTED_FILE if it is too large
 */
export function readSeal(directory: string): Manifest | undefined {
  for (const file of places(directory)) {
    let text: string;
    try {
      text = readWholeFile(file, MAX_BYTES).bytes.toString();
    } catch (error) {
      if (leadsNowhere(error)) continue;
      throw unreadable(error, file);
    }
    return parseManifest(text);
  }
  return undefined;
}
