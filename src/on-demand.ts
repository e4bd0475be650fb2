/**
 * Dependencies that are loaded when they are first needed, and synchronously.
 *
 * They take some 25 ms to load. A process that asks about an executable, or that has a valid cache file, never needs them; and
 * the drop-in is asked by every short-lived command of its host.
 * @module
 */

import { createRequire } from 'node:module';
import type fastGlob from 'fast-glob';
import type writeFileAtomic from 'write-file-atomic';

const requireHere = createRequire(import.meta.url);

// A bundler (Bun's, for one) knows `require` with a literal, and takes the dependency in; in a plain ES module there is none.

export function loadFastGlob(): typeof fastGlob {
  return typeof require === 'function' ? require('fast-glob') : requireHere('fast-glob');
}

export function loadWriteFileAtomic(): typeof writeFileAtomic {
  return typeof require === 'function' ? require('write-file-atomic') : requireHere('write-file-atomic');
}
