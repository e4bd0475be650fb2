/**
 * How paths and files differ by platform.
 * @module
 */

import { readdirSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { errnoOf } from '../errors.ts';

export const isWindows: boolean = process.platform === 'win32';

/** There `Dist` is found by the name `dist`, as a rule. */
const ignoresCase = isWindows || process.platform === 'darwin';

/** Windows takes both separators, and allows neither in a name. Within distprint `/` stands between names. */
export const toSlashes = (path: string): string => (isWindows ? path.replaceAll('\\', '/') : path);

/** As people on this platform write it. */
export const toNativePath = (path: string): string => (isWindows ? path.replaceAll('/', '\\') : path);

/** Absolute, for `node:fs` and for messages. */
export const toAbsolute = (path: string): string => (isWindows ? withoutNamespace(resolve(path)) : resolve(path));

/**
 * `\\?\C:\app` is `C:\app`, and `\\?\UNC\server\share` is `\\server\share`. Node puts the prefix before each path that it opens, so
 * paths of over 260 characters need none from us. Behind the prefix, Windows takes no `/` for a separator.
 */
export function withoutNamespace(path: string): string {
  return path.replace(/^\\\\\?\\(?:UNC\\(?=[^\\])|(?=[a-z]:))/i, (prefix) => (prefix.length > 4 ? '\\\\' : ''));
}

/** Whether a command's word names a file by its path, rather than a program to be looked for. */
export const isPath = (word: string): boolean => toSlashes(word).includes('/');

/** Whether it is the name of a named pipe, which a server of Node's may listen on in place of a socket at a path. */
export const isPipe = (text: string): boolean => isWindows && /^[\\/]{2}[.?][\\/]pipe[\\/]./i.test(text);

/** A variable of an environment, whatever its letters' case on Windows: there `PATH` is mostly `Path`, and only `process.env` itself finds both. */
export function readVariable(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const exact = env[name];
  if (exact !== undefined || !isWindows) return exact;
  return Object.entries(env).find(([each]) => each.toUpperCase() === name.toUpperCase())?.[1];
}

/** What Windows starts without a runtime, and what cmd starts. */
const STARTS = /\.(?:com|exe|bat|cmd)$/i;
/** What Windows itself can start. */
export const isExecutableName = (file: string): boolean => /\.(?:com|exe)$/i.test(file);

/**
 * What may stand behind a program's name in its file's name, first what counts first: as cmd does it, those of PATHEXT; then PowerShell's,
 * which cmd does not know. What has none may be a shim for a shell.
 */
export function listProgramEndings(word: string, env: NodeJS.ProcessEnv): string[] {
  if (!isWindows) return [''];
  const endings = (readVariable(env, 'PATHEXT') ?? '.COM;.EXE;.BAT;.CMD')
    .split(';')
    .filter((each) => STARTS.test(each));
  return STARTS.test(word) ? ['', ...endings] : [...endings, '.ps1', ''];
}

/** Without links, and as its names are spelled on disk, which only the native one says. @throws where nothing is there */
export const toRealPath = (path: string): string => (ignoresCase ? realpathSync.native(path) : realpathSync(path));

/**
 * A glob as fast-glob takes it, which takes a backslash for an escape. On Windows it is a separator, but before a character that a name
 * can have and that a glob would not take literally (as `convertPathToPattern` of fast-glob has it).
 */
export const toGlobSlashes = (glob: string): string => (isWindows ? separatorsToSlashes(glob) : glob);
export const separatorsToSlashes = (glob: string): string => glob.replace(/\\(?![!()+@[\]{}])/g, '/');

/** Whether a directory that was found by this name has this name, in upper and lower case too. */
export function isNamedSo(parent: string | Buffer, name: string): boolean {
  if (!ignoresCase) return true;
  try {
    return readdirSync(parent).includes(name);
  } catch {
    return false;
  }
}

/**
 * A path below a directory, `/` between names, as its names are spelled on disk: so a file has one path, whoever names it. Where nothing
 * is there, and where case counts, it stays as it is.
 */
export function spellAsOnDisk(directory: string, path: string): string {
  return ignoresCase ? findSpelling(directory, path) : path;
}

export function findSpelling(directory: string, path: string): string {
  const spelled: string[] = [];
  for (const name of path.split('/')) {
    let names: string[];
    try {
      names = readdirSync([directory, ...spelled].join('/'));
    } catch {
      return path;
    }
    const found = names.includes(name) ? name : names.find((other) => fold(other) === fold(name));
    if (found === undefined) return path;
    spelled.push(found);
  }
  return spelled.join('/');
}

/** HFS+ decomposes what it is given (NFD). */
const fold = (name: string) => name.normalize('NFC').toLowerCase();

/** Whether a file can't be opened because it is a socket: ENXIO on Linux, EOPNOTSUPP on macOS and the BSDs, which libuv calls ENOTSUP (open(2)). */
export const saysSocket = (error: unknown): boolean =>
  ['ENXIO', 'EOPNOTSUPP', 'ENOTSUP'].includes(errnoOf(error) ?? '');

/**
 * Whether another program may be the reason, for a moment: on Windows a virus scanner holds a file (EBUSY), and one that was deleted while
 * somebody reads it can't be opened (EPERM), nor one that is read be replaced (EPERM, EACCES).
 */
export function mayBeHeld(error: unknown): boolean {
  const cause = error instanceof Error && errnoOf(error) === undefined ? error.cause : error;
  return isWindows && ['EBUSY', 'EPERM', 'EACCES'].includes(errnoOf(cause) ?? '');
}
