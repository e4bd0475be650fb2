/**
 * STAND-IN until "parts" is merged.
 * @module
 */

import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DistprintError } from '../../errors.ts';

export function whatToWatch(
  command: readonly string[],
  _env: NodeJS.ProcessEnv,
  cwd: string,
): { path: string; settleMs: number } {
  const script = command.slice(1).find((word) => /\.[cm]?js$/.test(word));
  if (command[0] !== 'node' || script === undefined)
    throw new DistprintError('ERR_DISTPRINT_OPTION', 'cannot tell what to watch: give --watch');
  let at = dirname(resolve(cwd, script));
  while (!existsSync(resolve(at, 'package.json')) && dirname(at) !== at) at = dirname(at);
  return { path: at, settleMs: 200 };
}
