/**
 * Know by content, never by mtime, when the code you are running is no longer the code that is installed.
 * @module
 */

export { type BuiltManifest, buildManifest, buildManifestSync } from './build.ts';
export { type Check, createDetector, type Detector, type DetectorOptions, type Verdict } from './detector.ts';
export { diffManifests, isEmptyDiff, type ManifestDiff } from './diff.ts';
export { DistprintError, type DistprintErrorCode, isDistprintError } from './errors.ts';
export { type HeartbeatOptions, startHeartbeat } from './heartbeat.ts';
export { type Manifest, type ManifestEntry, parseManifest, serializeManifest, toToken } from './manifest.ts';
export { writeSeal } from './seal.ts';
export type { Coverage, CoverageOptions, Kind } from './subject.ts';
