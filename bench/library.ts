/**
 * The library that is measured: compiled, as it is installed. `tsx` rewrites what it loads, which would cost time at run time.
 */

import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from '../fixtures/releases.ts';

export type Library = typeof import('../src/index.ts');

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Does what `npm run build` does, into a directory that no other build removes meanwhile. The command line finds its version beside it. */
export function buildLibrary(dist: string): string {
  bundle(dist);
  copyFileSync(join(ROOT, 'package.json'), join(dist, '../package.json'));
  return dist;
}
