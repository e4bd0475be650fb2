/**
 * The disk below a root as fast-glob is to see it: with raw paths (raw-path.ts), and without symbolic links.
 *
 * A link appears as what it leads to. What can't be read as a file or directory is *special*.
 *
 * | what it is | how it is listed |
 * | --- | --- |
 * | link to a file | a file, with the content it leads to |
 * | link to a directory | a directory, with all that is below it |
 * | link to a directory that contains the link, or links in a loop | `cycle`, with the text of the link |
 * | link to nothing | `dangling`, with the text of the link |
 * | FIFO, socket, block or character device, or a link to one | `fifo`, `socket`, `device` |
 * @module
 */

import { type Dirent, lstatSync, readdirSync, readlinkSync, realpathSync, type Stats, statSync } from 'node:fs';
import { DistprintError, errnoOf, leadsNowhere, unreadable } from '../errors.ts';
import { toNativePath, toSlashes } from '../platform/paths.ts';
import { SLICE_MS } from '../steps.ts';
import { locate, writePath } from './raw-path.ts';
import { type KnownId, statOrThrow, toKnownId } from './stat.ts';

export type Special =
  | { readonly kind: 'fifo' | 'socket' | 'device' }
  | { readonly kind: 'dangling' | 'cycle'; readonly link: string };

/** A directory as it was listed. */
export interface ListedDirectory {
  /** Where it lies, for `node:fs`. */
  readonly at: string | Buffer;
  /** Taken just before it was read. */
  readonly id: KnownId;
  readonly entries: () => readonly Entry[];
  /** The special ones of its entries, by their raw paths. */
  readonly specials: ReadonlyMap<string, Special>;
}

/** Far above any release (the largest npm packages have some 20,000 files), low enough to be reached within seconds. */
const MAX_ENTRIES = 1_000_000;

/** fast-glob is given this as its working directory and never learns the real one. */
export const VIRTUAL_ROOT = '/';

/**
 * The raw path that fast-glob means. It resolves paths as the platform does: on Windows it asks for `C:\\dist` or `C:\\/dist`. No name that
 * it is shown has a backslash.
 */
export const fromVirtual = (path: string) => fromShown(path.replaceAll('\\', '/').replace(/^(?:[a-z]:)?\/+/i, ''));

/**
 * fast-glob's patterns can't match a newline in a name, and take a backslash for an escape. So these three characters are shown to it as
 * others, beyond the range of raw paths.
 */
const SHOWN: Record<string, string> = { '\n': '\u010a', '\r': '\u010d', '\\': '\u015c' };
const toShown = (name: string) =>
  /[\n\r\\]/.test(name) ? name.replace(/[\n\r\\]/g, (char) => SHOWN[char] as string) : name;
export const fromShown = (path: string) =>
  !/[\u0100-\uffff]/.test(path)
    ? path
    : path.replace(/[\u0100-\uffff]/g, (char) => String.fromCharCode(char.charCodeAt(0) & 0xff));

/** The part of `fs.Dirent` and `fs.Stats` that fast-glob asks for. It never sees a link. */
export type Entry = Pick<Dirent, 'name' | 'isDirectory' | 'isFile' | 'isSymbolicLink'>;

const yes = () => true;
const no = () => false;

/** The entry of this name. A directory's name ends with a slash. */
export function toEntry(name: string): Entry {
  return name.endsWith('/')
    ? { name: name.slice(0, -1), isDirectory: yes, isFile: no, isSymbolicLink: no }
    : { name, isDirectory: no, isFile: yes, isSymbolicLink: no };
}

export const parentOf = (raw: string) => raw.slice(0, Math.max(0, raw.lastIndexOf('/')));
const nameOf = (raw: string) => raw.slice(raw.lastIndexOf('/') + 1);
const childOf = (directory: string, name: string) => (directory === '' ? name : `${directory}/${name}`);

/**
 * The disk below `root`, and what was learned of it on the way.
 * @param never names that are passed over wherever they stand
 * @param notAtRoot a name that is passed over at the root
 * @param known directories that need not be read again
 */
export function createDisk(
  root: string,
  { never, notAtRoot }: { never: readonly string[]; notAtRoot: string | null },
  known: ReadonlyMap<string, ListedDirectory>,
) {
  const specials = new Map<string, Special>();
  const directories = new Map<string, ListedDirectory>();
  const absent = new Set<string>();
  let directoriesRead = 0;
  let entryCount = 0;

  const shown = (raw: string) => toNativePath(writePath(`${root}/${raw}`));

  const isNever = (raw: string) =>
    raw === notAtRoot || (never.length > 0 && raw.split('/').some((name) => never.includes(name)));

  function readDirectory(virtual: string): readonly Entry[] {
    const raw = fromVirtual(virtual);
    if (isNever(raw)) return [];
    const listed = known.get(raw) ?? readFromDisk(raw);
    if (listed === undefined) return [];
    directories.set(raw, listed);
    for (const [path, special] of listed.specials) specials.set(path, special);
    return listed.entries();
  }

  function readFromDisk(raw: string): ListedDirectory | undefined {
    const at = locate(root, raw);
    const wallMs = Date.now();
    try {
      const id = toKnownId(statOrThrow(at), wallMs, at);
      const dirents = readdirSync(at, { withFileTypes: true, encoding: 'latin1' });
      directoriesRead++;
      entryCount += dirents.length;
      if (entryCount > MAX_ENTRIES) {
        throw new DistprintError(
          'ERR_DISTPRINT_TOO_MANY_FILES',
          `${shown(raw)}: more than ${MAX_ENTRIES} entries up to here. Do directory links multiply? Exclude what does not belong`,
          { path: shown(raw) },
        );
      }
      const found = new Map<string, Special>();
      const names = toNames(raw, dirents, found);
      return { at, id, entries: () => names.map(toEntry), specials: found };
    } catch (error) {
      if (!leadsNowhere(error)) throw unreadable(error, shown(raw));
      // A pattern may name a directory that is not there. One that its parent has just named was there a moment ago.
      if (raw !== '' && !isNamedByParent(raw)) {
        absent.add(raw);
        return undefined;
      }
      const message = `${shown(raw)} was gone before it could be listed`;
      throw new DistprintError('ERR_DISTPRINT_UNSTABLE', message, { path: shown(raw), cause: error });
    }
  }

  function isNamedByParent(raw: string): boolean {
    const name = toShown(nameOf(raw));
    const siblings = directories.get(parentOf(raw))?.entries() ?? [];
    return siblings.some((entry) => entry.name === name && entry.isDirectory());
  }

  /** The names to show; a directory's ends with a slash. They are kept as long as the pass is: as objects they would take thrice the room. */
  function toNames(directory: string, dirents: readonly Dirent[], found: Map<string, Special>): string[] {
    const names: string[] = [];
    for (const dirent of dirents) {
      if (never.includes(dirent.name) || (directory === '' && dirent.name === notAtRoot)) continue;
      const name = toShown(dirent.name);
      let isDirectory = dirent.isDirectory();
      if (!isDirectory && !dirent.isFile()) {
        const raw = childOf(directory, dirent.name);
        const what = whatIs(raw, dirent);
        if (typeof what === 'object') found.set(raw, what);
        isDirectory = what === 'directory';
      }
      names.push(isDirectory ? `${name}/` : name);
    }
    return names;
  }

  /** What it is. A link is what it leads to. */
  function whatIs(raw: string, found: Dirent | Stats): 'file' | 'directory' | Special {
    return found.isSymbolicLink() ? follow(raw) : kindOf(found);
  }

  function follow(raw: string): 'file' | 'directory' | Special {
    const at = locate(root, raw);
    try {
      const kind = kindOf(statSync(at));
      return kind === 'directory' && containsItsLink(raw) ? { kind: 'cycle', link: linkText(at) } : kind;
    } catch (error) {
      if (!leadsNowhere(error)) throw unreadable(error, shown(raw));
      return { kind: errnoOf(error) === 'ELOOP' ? 'cycle' : 'dangling', link: linkText(at) };
    }
  }

  /** Whether a link leads to a directory above itself. Following it would never end. */
  function containsItsLink(raw: string): boolean {
    const real = (path: string) =>
      toSlashes(realpathSync.native(locate(root, path), { encoding: 'latin1' })).replace(/\/$/, '');
    const target = real(raw);
    for (let above = raw; above !== ''; ) {
      above = parentOf(above);
      const place = real(above);
      if (place === target || place.startsWith(`${target}/`)) return true;
    }
    return false;
  }

  /** fast-glob asks this for a pattern without a wildcard. It takes an ENOENT for "no match". */
  function look(virtual: string): Entry & typeof NO_OTHER_KIND {
    const raw = fromVirtual(virtual);
    try {
      if (isNever(raw)) throw NO_MATCH;
      const what = whatIs(raw, lstatSync(locate(root, raw)));
      if (typeof what === 'object') specials.set(raw, what);
      return Object.assign(toEntry(what === 'directory' ? `${nameOf(raw)}/` : nameOf(raw)), NO_OTHER_KIND);
    } catch (error) {
      if (!leadsNowhere(error)) throw unreadable(error, shown(raw));
      absent.add(raw);
      throw NO_MATCH;
    }
  }

  return {
    specials,
    directories,
    absent,
    countRead: () => directoriesRead,
    whatIs,
    readFromDisk,
    adapter: toAdapter(readDirectory, look),
  };
}

function kindOf(found: Dirent | Stats): 'file' | 'directory' | Special {
  if (found.isFile()) return 'file';
  if (found.isDirectory()) return 'directory';
  return { kind: found.isFIFO() ? 'fifo' : found.isSocket() ? 'socket' : 'device' };
}

/** What fast-glob asks of `fs.Stats`, but not of a directory's entry. */
const NO_OTHER_KIND = { isBlockDevice: no, isCharacterDevice: no, isFIFO: no, isSocket: no };

/** What fast-glob takes for "not there". */
const NO_MATCH = Object.assign(new Error('no match'), { code: 'ENOENT' });

const linkText = (at: string | Buffer) => toSlashes(readlinkSync(at, { encoding: 'latin1' }));

/**
 * Both ways into the disk. The asynchronous one blocks for one directory at a time, and gives the event loop a turn after each slice.
 * For directories of usual size that is faster by half than the thread pool.
 */
function toAdapter(readDirectory: (path: string) => readonly Entry[], look: (path: string) => Entry) {
  let sliceEnds = performance.now() + SLICE_MS;
  const later =
    <T>(get: (path: string) => T) =>
    (path: string, ...rest: unknown[]) => {
      const answer = rest[rest.length - 1] as (error: unknown, value?: T) => void;
      const run = () => {
        let value: T;
        try {
          value = get(path);
        } catch (error) {
          return answer(error);
        }
        return answer(null, value);
      };
      if (performance.now() < sliceEnds) return queueMicrotask(run);
      setImmediate(() => {
        sliceEnds = performance.now() + SLICE_MS;
        run();
      });
    };
  return {
    readdirSync: readDirectory,
    lstatSync: look,
    statSync: look,
    readdir: later(readDirectory),
    lstat: later(look),
    stat: later(look),
  };
}
