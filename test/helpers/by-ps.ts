/** Programs that know of other processes by ps(1) alone, as on macOS and the BSDs. */

import { chmodSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { makeTemp, writeTree } from './temp.ts';

/** procps shows environments where it is asked for `e`, as macOS does for `-E` and the BSDs for `-e`, which is all processes there. */
const PS = `#!/bin/sh
PATH=\${PATH#*:}
case $1 in -E | -e)
  shift
  for word; do
    shift
    case $word in -A | -ww) ;; *) set -- "$@" "$word" ;; esac
  done
  exec ps axeww "$@" ;;
esac
exec ps "$@"
`;

/** The environment that has our own modules take this system for another, in each process. */
export function asOn(system: 'darwin' | 'freebsd'): NodeJS.ProcessEnv {
  const folder = makeTemp();
  const module = `Object.defineProperty(process, 'platform', { value: '${system}' });\n`;
  writeTree(folder, { 'system.mjs': module, 'bin/ps': PS });
  chmodSync(join(folder, 'bin/ps'), 0o755);
  return {
    NODE_OPTIONS: `--import=${pathToFileURL(join(folder, 'system.mjs'))}`,
    PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}`,
  };
}
