/**
 * `distprint fingerprint`, the default command.
 * @module
 */

import { type BuiltManifest, buildManifest } from '../manifest/build.ts';
import { toToken } from '../manifest/manifest.ts';
import { assertCoversFiles, type GlobOptions, toCoverage } from './coverage.ts';
import { complain, print, printJson, roundMs, toSumLine } from './output.ts';
import { withProgress } from './progress.ts';

export interface FingerprintCliOptions extends GlobOptions {
  json?: boolean;
}

/** Goes on after a path that is trouble, as sha256sum does. */
export async function fingerprint(paths: string[], options: FingerprintCliOptions): Promise<void> {
  for (const path of paths) {
    try {
      const startedMs = performance.now();
      const built = await withProgress(() => buildManifest(path, toCoverage(options)));
      assertCoversFiles(path, options, built);
      if (options.json) printJson(toReport(path, built, performance.now() - startedMs));
      else print(toSumLine(built.fingerprint, path));
    } catch (error) {
      complain(error);
    }
  }
}

function toReport(path: string, built: BuiltManifest, elapsedMs: number) {
  const { kind, name, version, fingerprint, entries, bytes } = built;
  const token = toToken(fingerprint);
  return { path, kind, name, version, fingerprint, token, files: entries.length, bytes, elapsedMs: roundMs(elapsedMs) };
}
