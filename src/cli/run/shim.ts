/**
 * Finds the program behind a shim, the small file that package managers put into a `bin` folder where a link won't do: that of cmd-shim,
 * for sh, cmd and PowerShell (npm and yarn on Windows), and that of pnpm, for sh.
 * @module
 */

import { dirname, resolve } from 'node:path';

/** pnpm 12: relative to the folder that the shim really lies in. */
const TOLD = /^# cmd-shim-target=(.+)$/m;
/** In sh and PowerShell: `"$basedir/../x/bin.js" "$@"`. */
const IN_SHELL = /"(\$basedir\/)?([^"$\n]+)"[ \t]+(?:"\$@"|\$args)/g;
/** In cmd: `"%dp0%\..\x\bin.js" %*`, before 2020 `%~dp0`. */
const IN_CMD = /"%(?:~dp0|dp0%)\\?([^"%\n]+)"[ \t]+%\*/g;

/**
 * Absolute. Undefined where `text` is no such shim.
 * @param file the shim, without links
 */
export function findBehindShim(file: string, text: string): string | undefined {
  const told = TOLD.exec(text)?.[1];
  if (told !== undefined) return resolve(dirname(file), told);
  const inCmd = [...text.matchAll(IN_CMD)].at(-1)?.[1];
  if (inCmd !== undefined) return resolve(dirname(file), inCmd.replaceAll('\\', '/'));
  if (!/^\s*\$?basedir\s*=/m.test(text)) return undefined;
  const inShell = [...text.matchAll(IN_SHELL)].at(-1)?.[2];
  return inShell === undefined ? undefined : resolve(dirname(file), inShell);
}
