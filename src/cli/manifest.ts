/**
 * `distprint manifest`.
 * @module
 */

import writeFileAtomic from 'write-file-atomic';
import { buildManifest } from '../manifest/build.ts';
import { serializeManifest } from '../manifest/manifest.ts';
import { assertCoversFiles, type GlobOptions, toCoverage } from './coverage.ts';

export interface ManifestCliOptions extends GlobOptions {
  output?: string;
}

export async function manifest(path: string, options: ManifestCliOptions): Promise<void> {
  const built = await buildManifest(path, toCoverage(options));
  assertCoversFiles(path, options, built);
  const text = serializeManifest(built);
  if (options.output === undefined) process.stdout.write(text);
  else await writeTo(options.output, text);
}

/** The system's message names a temporary file, which nobody asked for. */
async function writeTo(file: string, text: string): Promise<void> {
  try {
    await writeFileAtomic(file, text);
  } catch (error) {
    const [reason] = (error as Error).message.split(/, \w+ '/);
    throw new Error(`cannot write ${file}: ${reason}`, { cause: error });
  }
}
