/**
 * Know by content, never by mtime, when the code you are running is no longer the code that is installed.
 * @module
 */

export { type Check, createDetector, type Detector, type DetectorOptions, type Verdict } from './change/detector.ts';
export { type HeartbeatOptions, startHeartbeat } from './change/heartbeat.ts';
export { DistprintError, type DistprintErrorCode, isDistprintError } from './errors.ts';
export { type BuiltManifest, buildManifest, buildManifestSync } from './manifest/build.ts';
export { diffManifests, type FileDifference, isEmptyDiff, type ManifestDiff } from './manifest/diff.ts';
export { type Manifest, type ManifestEntry, parseManifest, serializeManifest, toToken } from './manifest/manifest.ts';
export { writeSeal } from './manifest/seal.ts';
export type { Coverage, CoverageOptions, Kind } from './scan/coverage.ts';
