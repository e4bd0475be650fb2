/**
 * `distprint manifest`.
 * @module
 */

import { writeFileAtomic } from '../disk/write-file.ts';
import { buildManifest } from '../manifest/build.ts';
import { serializeManifest } from '../manifest/manifest.ts';
import { assertCoversFiles, type GlobOptions, toCoverage } from './coverage.ts';
import { withProgress } from './progress.ts';

export interface ManifestCliOptions extends GlobOptions {
  output?: string;
}

export async function manifest(path: string, options: ManifestCliOptions): Promise<void> {
  const built = await withProgress(() => buildManifest(path, toCoverage(options)));
  assertCoversFiles(path, options, built);
  const text = serializeManifest(built);
  if (options.output === undefined) process.stdout.write(text);
  else await writeFileAtomic(options.output, text);
}
