/**
 * Finds where the running program is installed.
 * @module
 */

import { readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { statOrNothing } from '../disk/stat.ts';
import { parseJson } from '../scan/subject.ts';

declare const Bun: { readonly main: string } | undefined;

/**
 * The executable, if the program is in it; else the package directory around the entry script.
 * Undefined where there is neither (`node -e`, a REPL).
 */
export function locateRunningProgram(): string | undefined {
  if (isExecutableItself()) return executablePath();
  const entry = locateEntryScript();
  return entry === undefined ? undefined : findPackageAround(dirname(entry));
}

/** Whether the running program was loaded from `root` (absolute), through any links. */
export function isRunningProgram(root: string): boolean {
  const running = isExecutableItself() ? executablePath() : locateEntryScript();
  if (running === undefined) return false;
  try {
    const real = realpathSync(running);
    const realRoot = realpathSync(root);
    return real === realRoot || real.startsWith(realRoot + sep);
  } catch {
    return false; // one of the two is not there any more
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
  const given = isInPm2Container() ? process.env.pm_exec_path : process.argv[1];
  const isEval = process.execArgv.some((flag) => /^(?:-e|-p|-pe|--eval|--print)(?:=|$)/.test(flag));
  if (given === undefined || given === '' || given === '-' || isEval) return undefined; // argv[1] is then no script
  let path = toScript(resolve(given));
  if (path === undefined) return undefined;
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

/** The file that a runtime takes for this path: `node app` stands for app.js or app/index.js. */
function toScript(path: string): string | undefined {
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
  let words: string[];
  try {
    words = readFileSync('/proc/self/cmdline', 'latin1').split('\0').slice(0, -1);
  } catch {
    return undefined;
  }
  if (toText(words[0] ?? '') !== process.argv0) return undefined;
  if (isExecutableItself()) return words;
  return words.some((word, i) => i > 0 && isEntryScript(toText(word))) ? words : undefined;
}

function isEntryScript(word: string): boolean {
  const entry = process.argv[1];
  if (word === '' || word.startsWith('-') || entry === undefined) return false;
  const [typed, known] = [toScript(resolve(word)), toScript(entry)];
  return typed !== undefined && known !== undefined && realpathSync(typed) === realpathSync(known);
}

const toText = (raw: string) => Buffer.from(raw, 'latin1').toString('utf8');

/** pm2 starts its own script, which imports the program's. */
function isInPm2Container(): boolean {
  return /^ProcessContainer\w*\.js$/.test(basename(process.argv[1] ?? '')) && process.env.pm_exec_path !== undefined;
}

/** As many as Linux follows (path_resolution(7)). */
const MAX_LINKS = 40;

/** The nearest directory upward whose package.json has a name. One without a name only sets options, `{"type": "module"}` say. */
function findPackageAround(start: string): string | undefined {
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
