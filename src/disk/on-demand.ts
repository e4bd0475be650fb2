/**
 * Dependencies that are loaded when they are first needed, and synchronously.
 *
 * They take some 25 ms to load. A process that asks about an executable, or that has a valid cache file, never needs them; and
 * the drop-in is asked by every short-lived command of its host.
 * @module
 */

import { createRequire } from 'node:module';
import type fastGlob from 'fast-glob';
import { DistprintError } from '../errors.ts';

const requireHere = createRequire(import.meta.url);

// A bundler (Bun's, for one) knows `require` with a literal, and takes the dependency in; in a plain ES module there is none.

let glob: typeof fastGlob | undefined;

/**
 * A process that lives on calls this early: in the midst of an upgrade the files may be away.
 * @throws ERR_DISTPRINT_UNREADABLE where they are, or can't be opened
 */
export function loadFastGlob(): typeof fastGlob {
  try {
    glob ??= (typeof require === 'function' ? require('fast-glob') : requireHere('fast-glob')) as typeof fastGlob;
    return glob;
  } catch (error) {
    const message = `fast-glob, which distprint needs to list a directory, can't be loaded (${(error as Error).message})`;
    throw new DistprintError('ERR_DISTPRINT_UNREADABLE', message, { cause: error });
  }
}
