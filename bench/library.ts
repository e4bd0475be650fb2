/**
 * The library that is measured: compiled, as it is installed. `tsx` rewrites what it loads, which would cost time at run time.
 */

import { spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Library = typeof import('../src/index.ts');

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Does what `npm run build` does, into a directory that no other build removes meanwhile. The command line finds its version beside it. */
export function buildLibrary(dist: string): string {
  const rolldown = join(dirname(createRequire(import.meta.url).resolve('rolldown/package.json')), 'bin', 'cli.mjs');
  const args = [rolldown, '--config', join(ROOT, 'rolldown.config.js'), '--dir', dist];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  copyFileSync(join(ROOT, 'package.json'), join(dist, '../package.json'));
  if (status !== 0) throw new Error(`the build failed:\n${stdout}${stderr}`);
  return dist;
}
