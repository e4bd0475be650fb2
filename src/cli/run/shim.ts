/**
 * Reads a shim, the small file that package managers put into a `bin` folder where a link won't do: that of cmd-shim, for sh, cmd and
 * PowerShell (npm and yarn on Windows), that of pnpm, npm's own `npm.cmd`, and bun's.
 * @module
 */

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

export interface Shim {
  /** The program, absolute. */
  readonly target: string;
  /** The runtime that it is started with, as a bare name: one that lies beside the shim comes before others. Undefined: it is an executable. */
  readonly runtime: string | undefined;
  /** The runtime's own options. */
  readonly options: readonly string[];
  /** The variables that are set first. */
  readonly env: Readonly<Record<string, string>>;
}

/** pnpm 12: relative to the folder that the shim really lies in. */
const TOLD = /^# cmd-shim-target=(.+)$/m;
/** In sh and PowerShell: `"$basedir/../x/bin.js" "$@"`. */
const IN_SHELL = /"(?:\$basedir\/)?([^"$\n]+)"[ \t]+(?:"\$@"|\$args)/g;
/** In cmd: `"%dp0%\..\x\bin.js" %*`, before 2020 `%~dp0`. */
const IN_CMD = /"%(?:~dp0|dp0%)\\?([^"%\n]+)"[ \t]+%\*/g;

/**
 * Undefined where `text` is no such shim.
 * @param file the shim, without links
 */
export function readShim(file: string, text: string): Shim | undefined {
  const plain = expandVariables(text);
  const inCmd = findLast(plain, IN_CMD);
  const found = inCmd ?? (/^\s*\$?basedir\s*=/m.test(plain) ? findLast(plain, IN_SHELL) : undefined);
  const target = TOLD.exec(text)?.[1] ?? found?.path;
  if (target === undefined) return undefined;
  const [runtime, ...options] = found?.before ?? [];
  return {
    target: resolve(dirname(file), inCmd === undefined ? target : target.replaceAll('\\', '/')),
    runtime: runtime?.replace(/^.*[/\\]|\$exe$|\.exe$/g, ''),
    options,
    env: inCmd === undefined ? {} : findSet(text),
  };
}

/** The last line that starts the program: its path, and the words before that. */
function findLast(text: string, pattern: RegExp) {
  const match = [...text.matchAll(pattern)].at(-1);
  if (match === undefined) return undefined;
  const line = text.slice(text.lastIndexOf('\n', match.index) + 1, match.index);
  const words = line.match(/"[^"]*"|[^\s"]+/g) ?? [];
  const own = words.slice(words.findLastIndex((word) => STARTS_COMMAND.has(word)) + 1);
  return { path: match[1] as string, before: own.map((word) => word.replace(/^@|"/g, '')) };
}

const STARTS_COMMAND: ReadonlySet<string> = new Set(['&', '@', '(', '{', 'exec']);

/** `SET "NAME=value"`, each on a line of its own. */
const SET = /^[ \t]*@?SET[ \t]+(?:"([A-Z_]\w*)=([^"\r\n]*)"|([A-Z_]\w*)=([^"\r\n]*?))[ \t]*\r?$/gim;

const listSet = (text: string) =>
  [...text.matchAll(SET)].map(([, name, value, bareName, bareValue]) => [name ?? bareName, value ?? bareValue]) as [
    name: string,
    value: string,
  ][];

/** With the value that each variable of the shim's own is given first: that is a file beside it, if that is there. */
function expandVariables(text: string): string {
  const values = new Map(listSet(text).reverse());
  values.delete('dp0');
  return text.replace(/%(\w+)%/g, (written, name) => values.get(name) ?? written);
}

/** Those that the program is to see: pnpm's NODE_PATH, and what stands before the runtime in `#!/usr/bin/env -S`. The rest the shim needs itself. */
function findSet(text: string): Record<string, string> {
  const isForProgram = ([name, value]: [string, string]) =>
    !value.includes('%') && name !== 'dp0' && (name === 'NODE_PATH' || !text.includes(`%${name}%`));
  return Object.fromEntries(listSet(text).filter(isForProgram).reverse());
}

/**
 * The program behind a shim of bun's for Windows: an executable with a file beside it, `tool.exe` and `tool.bunx`, which begins with the
 * path from the folder above, in UTF-16, up to a quotation mark.
 */
export function findBehindBunx(executable: string): string | undefined {
  if (!/\.exe$/i.test(executable)) return undefined;
  try {
    const text = readFileSync(executable.replace(/\.exe$/i, '.bunx'), 'utf16le');
    const end = text.indexOf('"\0');
    return end < 1 ? undefined : resolve(dirname(executable), '..', text.slice(0, end).replaceAll('\\', '/'));
  } catch {
    return undefined; // there is none
  }
}
