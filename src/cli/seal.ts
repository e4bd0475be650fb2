/**
 * `distprint seal`.
 * @module
 */

import { buildManifest } from '../manifest/build.ts';
import { writeSeal } from '../manifest/seal.ts';
import { assertCoversFiles, type GlobOptions, toCoverage } from './coverage.ts';
import { print, toSumLine } from './output.ts';

export async function seal(path: string, options: GlobOptions): Promise<void> {
  const coverage = toCoverage(options);
  // Before the seal is written: a seal of nothing would call any tree whole.
  if (options.include) assertCoversFiles(path, options, await buildManifest(path, coverage));
  const { file, manifest } = await writeSeal(path, coverage);
  print(toSumLine(manifest.fingerprint, file));
}
