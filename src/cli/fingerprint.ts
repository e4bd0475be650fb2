/**
 * `distprint fingerprint`, the default command.
 * @module
 */

import { type BuiltManifest, buildManifest } from '../manifest/build.ts';
import { toToken } from '../manifest/manifest.ts';
import { assertCoversFiles, type GlobOptions, toCoverage } from './coverage.ts';
import { complain, print, roundMs, toSumLine } from './output.ts';

export interface FingerprintCliOptions extends GlobOptions {
  json?: boolean;
}

/** Goes on after a path that is trouble, as sha256sum does. */
export async function fingerprint(paths: string[], options: FingerprintCliOptions): Promise<void> {
  for (const path of paths) {
    try {
      print(await toLine(path, options));
    } catch (error) {
      complain(error);
    }
  }
}

async function toLine(path: string, options: FingerprintCliOptions): Promise<string> {
  const startedMs = performance.now();
  const built = await buildManifest(path, toCoverage(options));
  assertCoversFiles(path, options, built);
  if (!options.json) return toSumLine(built.fingerprint, path);
  return JSON.stringify(toReport(path, built, performance.now() - startedMs));
}

function toReport(path: string, built: BuiltManifest, elapsedMs: number) {
  const { kind, name, version, fingerprint, entries, bytes } = built;
  const token = toToken(fingerprint);
  return { path, kind, name, version, fingerprint, token, files: entries.length, bytes, elapsedMs: roundMs(elapsedMs) };
}
