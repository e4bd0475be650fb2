/**
 * The two packages that can't be had by a plain import. In the published package the build puts them in place of this module
 * (rolldown.config.js): all is then loaded with it, and a bundler has nothing left to find.
 * @module
 */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type fastGlob from 'fast-glob';

// Not named `require`, which a host may have set: that one would look in the host's folders.
const requireHere = createRequire(import.meta.url);

/** It runs when it is first needed: that takes milliseconds, and a short-lived command with a valid cache file never lists anything. */
export const loadFastGlob = (): typeof fastGlob => requireHere('fast-glob');

/** The code that xxhash-wasm itself can only start asynchronously. */
export const readXxhashWasm = (): Uint8Array =>
  readFileSync(join(dirname(requireHere.resolve('xxhash-wasm')), '../workerd/xxhash.wasm'));
