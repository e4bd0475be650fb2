/**
 * `distprint seal`.
 * @module
 */

import { buildManifest } from '../manifest/build.ts';
import { placeSeal } from '../manifest/seal.ts';
import { assertCoversFiles, type GlobOptions, toCoverage } from './coverage.ts';
import { print, toSumLine } from './output.ts';
import { withProgress } from './progress.ts';

export async function seal(path: string, options: GlobOptions): Promise<void> {
  const built = await withProgress(() => buildManifest(path, toCoverage(options)));
  assertCoversFiles(path, options, built); // a seal of nothing would call any tree whole
  const { file, manifest } = await placeSeal(path, built);
  print(toSumLine(manifest.fingerprint, file));
}
