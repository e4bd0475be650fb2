/**
 * Builds the manifest of what lies at a path.
 * @module
 */
import { resolve } from 'node:path';
import { toManifest } from './manifest.ts';
import { scan } from './scan.ts';
import { runAsync, runSync } from './steps.ts';
/** A manifest of a pass, with what is worth showing beside it. */
export function* toBuiltManifest(pass, fingerprint) {
  const bytes = pass.files.reduce((sum, file) => sum + file.reading.size, 0);
  return { ...(yield* toManifest(pass, fingerprint)), name: pass.subject.name, bytes };
}
function* build(path, options) {
  const pass = yield* scan(resolve(path), options, null, { filesRead: 0, directoriesRead: 0 });
  return yield* toBuiltManifest(pass);
}
/**
 * Gives the event loop a turn every millisecond.
 * @throws (rejects) ERR_DISTPRINT_NOT_FOUND, _UNSUPPORTED_FILE, _PACKAGE_JSON, _UNREADABLE, _UNSTABLE, _TOO_MANY_FILES, _OPTION
 */
export function buildManifest(path, options = {}) {
  return runAsync(build(path, options));
}
/** The same, blocking. */
export function buildManifestSync(path, options = {}) {
  return runSync(build(path, options));
}
