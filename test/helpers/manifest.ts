import type { DistprintError } from '../../src/errors.ts';
import { isDistprintError } from '../../src/errors.ts';
import { buildManifestSync } from '../../src/manifest/build.ts';
import type { Manifest } from '../../src/manifest/manifest.ts';
import type { CoverageOptions } from '../../src/scan/coverage.ts';

export const fingerprintOf = (path: string, options?: CoverageOptions): string =>
  buildManifestSync(path, options).fingerprint;

/** The written paths that are covered. */
export const pathsOf = (path: string, options?: CoverageOptions): string[] =>
  buildManifestSync(path, options).entries.map((entry) => entry.path);

/** The content column by written path. */
export const contentsOf = ({ entries }: Pick<Manifest, 'entries'>): Record<string, string> =>
  Object.fromEntries(entries.map((entry) => [entry.path, entry.content]));

/** The typed error that `work` throws or rejects with. Anything else is passed on, and so fails the test. */
export async function errorOf(work: () => unknown): Promise<DistprintError> {
  try {
    await work();
  } catch (error) {
    if (isDistprintError(error)) return error;
    throw error;
  }
  throw new Error('an error was expected, and none came');
}
