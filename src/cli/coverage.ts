/**
 * `--include` and `--exclude`.
 * @module
 */

import { DistprintError } from '../errors.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { CoverageOptions } from '../scan/coverage.ts';

export interface GlobOptions {
  include?: string[];
  exclude?: string[];
}

export function toCoverage({ include, exclude }: GlobOptions): CoverageOptions {
  return { ...(include && { include }), ...(exclude && { exclude }) };
}

/**
 * One glob that matches nothing is fine if another one does.
 * @throws ERR_DISTPRINT_OPTION if there is an `--include`, and not a single file is covered
 */
export function assertCoversFiles(path: string, { include, exclude }: GlobOptions, { entries }: Manifest): void {
  if (include === undefined || entries.length > 0) return;
  const say = (globs: readonly string[]) => globs.map((glob) => JSON.stringify(glob)).join(', ');
  const without = exclude === undefined ? '' : ` without --exclude ${say(exclude)}`;
  throw new DistprintError(
    'ERR_DISTPRINT_OPTION',
    `--include ${say(include)}${without} matches no file in ${path}; globs are relative to it`,
    { path },
  );
}
