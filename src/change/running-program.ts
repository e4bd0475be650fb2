/**
 * Finds where the running program is installed.
 * @module
 */

import { readFileSync, readlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, extname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { statOrNothing } from '../disk/stat.ts';
import { toRealPath, toSlashes } from '../platform/paths.ts';
import { readCommandLine } from '../platform/proc.ts';
import { type CoverageOptions, escapeGlob } from '../scan/coverage.ts';
import { parseJson, readPackageJson } from '../scan/package-json.ts';

declare const Bun: { readonly main: string } | undefined;

/** The directory in which this process was started as it was typed, with its links. Undefined where `$PWD` does not show it. */
export const typedDirectory = readTypedDirectory(); // at import: the host may change it

function readTypedDirectory(): string | undefined {
  const { PWD } = process.env;
  return PWD !== undefined && isAbsolute(PWD) && isSameFile(PWD, '.') ? PWD : undefined;
}

/** What was loaded: the entry script or the executable, without links. Undefined where there is none. */
const loaded = readLoadedPath();
/** The same, as it was typed. A link on the way may be repointed by a deployment, and then leads to the new release. */
const typed = readTypedPath();

function readLoadedPath(): string | undefined {
  const path = isExecutableItself() ? executablePath() : readEntryPath();
  return realpathOrNothing(path) ?? path;
}

function readTypedPath(): string | undefined {
  const isInside = isExecutableItself();
  const word = isInside ? process.argv0 : findScriptWord(readOwnWords() ?? []);
  const path =
    word?.includes('/') || (!isInside && word !== undefined) ? resolve(typedDirectory ?? '', word) : undefined;
  if (isInside) return path !== undefined && isSameFile(path, executablePath()) ? path : executablePath();
  return path ?? readEntryPath();
}

/**
 * The executable, if the program is in it; else the package directory around the entry script. By the path that was typed, so that
 * a link on the way is followed anew each time. Undefined where there is neither (`node -e`, a REPL).
 */
export function locateRunningProgram(): string | undefined {
  if (isExecutableItself()) return typed;
  const entry = locateEntryScript();
  return entry === undefined ? undefined : findPackageAround(dirname(entry));
}

/** Where the typed path leads now, where that is no longer below `root`: a `bin` link was repointed to another folder. */
export function findMovedProgram(root: string): string | undefined {
  const entry = isExecutableItself() ? undefined : realpathOrNothing(locateEntryScript());
  const realRoot = realpathOrNothing(root);
  return entry === undefined || realRoot === undefined || isBelow(entry, realRoot) ? undefined : locateRunningProgram();
}

/** Whether the running program was loaded from `root` (absolute), through any links. */
export function isRunningProgram(root: string): boolean {
  const realRoot = realpathOrNothing(root);
  return loaded !== undefined && realRoot !== undefined && isBelow(loaded, realRoot);
}

/** The path by which the running program was typed, where it was loaded from `root` (absolute): a link on the way may be repointed. */
export const typedPathInto = (root: string): string | undefined => (isRunningProgram(root) ? typed : undefined);

/** Why the fingerprint of `root` (absolute) is not that of the running program: it runs from elsewhere. Null where nothing speaks for that. */
export function whyElsewhere(root: string): string | null {
  if (loaded === undefined || isRunningProgram(root)) return null;
  const real = realpathOrNothing(root) ?? root;
  const watched = real === root ? root : `${root} (${real})`;
  return `the program that runs, ${loaded}, is not below what is watched, ${watched}; start it by a path below that`;
}

/** What to cover so that the fingerprint of the package at `root` (absolute) is of what runs. */
export const coverRunningProgram = (root: string): CoverageOptions => coverProgram(root, loaded);

/**
 * What to cover of the package at `root` (absolute) where `program` is what runs. Nothing else than usual, unless that lies outside
 * `dist`, in a package that has one, and `bin` does not name it: then `dist` and the folder below `root` that it lies in. For a script
 * at the root: the files beside it with the same extension.
 * @param program its path without links
 */
export function coverProgram(root: string, program: string | undefined): CoverageOptions {
  const realRoot = realpathOrNothing(root);
  if (program === undefined || realRoot === undefined || program === realRoot || !isBelow(program, realRoot)) return {};
  const file = toSlashes(relative(realRoot, program));
  const [folder = '', ...below] = file.split('/');
  if (folder === 'dist' || statOrNothing(join(realRoot, 'dist'))?.isDirectory() !== true) return {};
  try {
    const fields = readPackageJson(realRoot, realRoot);
    if (fields === undefined || fields.bin.includes(file)) return {};
  } catch {
    return {}; // being written: whoever looks at it says so
  }
  return { include: ['dist/**', below.length > 0 ? `${escapeGlob(folder)}/**` : `*${extname(file)}`] };
}

function isBelow(path: string, root: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
}

function isSameFile(a: string, b: string): boolean {
  const real = realpathOrNothing(a);
  return real !== undefined && real === realpathOrNothing(b);
}

export function realpathOrNothing(path: string | undefined): string | undefined {
  try {
    if (path === undefined) return undefined;
    return toRealPath(path);
  } catch {
    return undefined; // it is not there, or not any more
  }
}

/**
 * Where this process's executable is installed. Linux adds ` (deleted)` to the path if the file was replaced between the start and the
 * runtime's first look (proc_pid_exe(5)).
 */
export function executablePath(seen = process.execPath): string {
  const installed = seen.replace(/ \(deleted\)$/, '');
  return installed === seen || statOrNothing(seen) !== undefined ? seen : installed;
}

/**
 * Whether the program is in the executable: one that Bun compiled, or a single executable application of Node. Bun shows the
 * entry script in a virtual file system (`/$bunfs/root/…`, `B:/~BUN/root/…`). In both, the arguments begin at `process.argv[2]`.
 */
export function isExecutableItself(): boolean {
  if (typeof Bun !== 'undefined') return /\$bunfs|[/\\]~BUN[/\\]/.test(Bun.main);
  return process.getBuiltinModule?.('node:sea')?.isSea() === true;
}

/**
 * The entry script's path. A link to the file itself (a `bin` link) is resolved; links to directories on the way are not: a package
 * manager or a deployment may swap such a link, and the new release is then found behind the same path.
 */
function locateEntryScript(): string | undefined {
  const script = typed === undefined ? undefined : toScript(typed);
  return script === undefined ? undefined : followFileLinks(script);
}

/** Where the links of the file itself lead, by the directories as they are named. Undefined where they lead in a loop. */
export function followFileLinks(file: string): string | undefined {
  let path = file;
  for (let links = 0; links < MAX_LINKS; links++) {
    let target: string;
    try {
      target = readlinkSync(path);
    } catch {
      return path; // no link
    }
    path = resolve(dirname(path), target);
  }
  return undefined;
}

/** As the runtime says it: absolute, and without the links to the directory in which it was started. */
function readEntryPath(): string | undefined {
  const given = isInPm2Container() ? process.env.pm_exec_path : process.argv[1];
  const isEval = process.execArgv.some((flag) => /^(?:-e|-p|-pe|--eval|--print)(?:=|$)/.test(flag));
  if (given === undefined || given === '' || given === '-' || isEval) return undefined; // argv[1] is then no script
  return toScript(resolve(given)) ?? resolve(given);
}

/** The file that a runtime takes for this path: `node app` stands for app.js or app/index.js. */
export function toScript(path: string): string | undefined {
  if (statOrNothing(path)?.isFile() === true) return path;
  try {
    return createRequire(path).resolve(path);
  } catch {
    return undefined;
  }
}

/**
 * The words that the operator typed, raw (disk/raw-path.ts), whatever the host did to `process.argv` since. Undefined where they do not
 * begin with the runtime and the script: a process title overwrites them, and only Linux shows them.
 */
export function readOwnWords(): string[] | undefined {
  const words = readCommandLine('self');
  if (words === undefined) return undefined;
  if (toText(words[0] ?? '') !== process.argv0) return undefined;
  if (isExecutableItself()) return words;
  return findScriptWord(words) === undefined ? undefined : words;
}

function findScriptWord(words: readonly string[]): string | undefined {
  const entry = readEntryPath();
  if (entry === undefined) return undefined;
  const texts = words.slice(1).map(toText);
  return texts.find((text) => {
    if (text === '' || text.startsWith('-')) return false;
    const script = isAbsolute(text) ? text : join(typedDirectory ?? process.cwd(), text);
    return isSameFile(toScript(script) ?? script, entry);
  });
}

function toText(raw: string): string {
  return Buffer.from(raw, 'latin1').toString('utf8');
}

/** pm2 starts its own script, which imports the program's. */
function isInPm2Container(): boolean {
  return /^ProcessContainer\w*\.js$/.test(basename(process.argv[1] ?? '')) && process.env.pm_exec_path !== undefined;
}

/** As many as Linux follows (path_resolution(7)). */
const MAX_LINKS = 40;

/** The nearest directory upward whose package.json has a name. One without a name only sets options, `{"type": "module"}` say. */
export function findPackageAround(start: string): string | undefined {
  let nameless: string | undefined;
  for (let directory = start; ; directory = dirname(directory)) {
    try {
      const fields: unknown = parseJson(readFileSync(join(directory, 'package.json'), 'utf8'));
      if (typeof fields === 'object' && fields !== null && 'name' in fields) return directory;
      nameless ??= directory;
    } catch {
      // none here, or none that can be read
    }
    // Above node_modules lies somebody else's package: we must not end there when ours is away for a moment.
    if (dirname(directory) === directory || basename(directory) === 'node_modules') return nameless;
  }
}
