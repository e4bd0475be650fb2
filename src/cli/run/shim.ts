/**
 * Finds the program behind a shim, the small file that package managers put into a `bin` folder where a link won't do: cmd-shim's for
 * sh, cmd and PowerShell (npm and yarn on Windows), and pnpm's for sh.
 * @module
 */

import { dirname, resolve } from 'node:path';

/** In sh and PowerShell: `"$basedir/../x/bin.js" "$@"`, or an absolute path. */
const IN_SHELL = /"(\$basedir\/)?([^"$\n]+)"[ \t]+(?:"\$@"|\$args)/g;
/** In cmd: `"%dp0%\..\x\bin.js" %*`, before 2020 `%~dp0`. */
const IN_CMD = /"%(?:~dp0|dp0%)\\?([^"%\n]+)"[ \t]+%\*/g;

/** Undefined where `text` is no such shim. */
export function findBehindShim(file: string, text: string): string | undefined {
  const inCmd = [...text.matchAll(IN_CMD)].at(-1);
  if (inCmd !== undefined) return resolve(dirname(file), (inCmd[1] as string).replaceAll('\\', '/'));
  if (!/^(?:\s*basedir=|\s*\$basedir\s*=)/m.test(text)) return undefined;
  const inShell = [...text.matchAll(IN_SHELL)].at(-1);
  return inShell === undefined ? undefined : resolve(dirname(file), inShell[2] as string);
}
