/**
 * The disk below a root as fast-glob is to see it: with raw paths (raw-path.ts), and without symbolic links.
 *
 * A link appears as what it leads to. What leads to nothing that can be read is *special*.
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
import { lstatSync, readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { DistprintError, errnoOf, unreadable } from './errors.ts';
import { toKnownId } from './file-id.ts';
import { toFsPath, writePath } from './raw-path.ts';
import { SLICE_MS } from './steps.ts';

/** Far above any release (the largest npm packages have some 20,000 files), low enough to be reached within seconds. */
const MAX_ENTRIES = 1_000_000;
/** fast-glob is given this as its working directory and never learns the real one. */
export const VIRTUAL_ROOT = '/';
/**
 * Three characters that may stand in a name are shown to fast-glob as others, beyond the range of raw paths:
 * to its patterns a newline is no character at all, and a backslash not itself.
 */
const SHOWN = { '\n': '\u010a', '\r': '\u010d', '\\': '\u015c' };
const toShown = (name) => (/[\n\r\\]/.test(name) ? name.replace(/[\n\r\\]/g, (char) => SHOWN[char]) : name);
export const fromShown = (path) =>
  !/[\u0100-\uffff]/.test(path)
    ? path
    : path.replace(/[\u0100-\uffff]/g, (char) => String.fromCharCode(char.charCodeAt(0) & 0xff));
const yes = () => true;
const no = () => false;
export function toEntry(name, isDirectory) {
  return { name, isDirectory: isDirectory ? yes : no, isFile: isDirectory ? no : yes, isSymbolicLink: no };
}
export const parentOf = (raw) => raw.slice(0, Math.max(0, raw.lastIndexOf('/')));
const nameOf = (raw) => raw.slice(raw.lastIndexOf('/') + 1);
const childOf = (directory, name) => (directory === '' ? name : `${directory}/${name}`);
/** The disk below `root`, as fast-glob is to see it, and what was learned of it on the way. */
export function createDisk(root, { never, notAtRoot }, known, cost) {
  const specials = new Map();
  const directories = new Map();
  const absent = new Set();
  let entryCount = 0;
  const fsPath = (raw) => toFsPath(raw === '' ? root || '/' : `${root}/${raw}`);
  const shown = (raw) => writePath(`${root}/${raw}`);
  const toRawPath = (virtual) => fromShown(virtual.slice(VIRTUAL_ROOT.length));
  const isNever = (raw) =>
    raw === notAtRoot || (never.length > 0 && raw.split('/').some((name) => never.includes(name)));
  function readDirectory(virtual) {
    const raw = toRawPath(virtual);
    if (isNever(raw)) return [];
    const listed = known.get(raw) ?? readFromDisk(raw);
    if (listed === undefined) return [];
    directories.set(raw, listed);
    for (const [path, special] of listed.specials) specials.set(path, special);
    return listed.entries();
  }
  function readFromDisk(raw) {
    const at = fsPath(raw);
    const wallMs = Date.now();
    try {
      const stats = statSync(at);
      const dirents = readdirSync(at, { withFileTypes: true, encoding: 'latin1' });
      cost.directoriesRead++;
      entryCount += dirents.length;
      if (entryCount > MAX_ENTRIES) {
        throw new DistprintError(
          'ERR_DISTPRINT_TOO_MANY_FILES',
          `${shown(raw)}: more than ${MAX_ENTRIES} entries up to here. Do directory links multiply? Exclude what does not belong`,
          { path: shown(raw) },
        );
      }
      const found = new Map();
      const entries = toEntries(raw, dirents, found);
      return {
        at,
        id: toKnownId(stats, wallMs),
        entries: () => entries,
        specials: found,
      };
    } catch (error) {
      const errno = errnoOf(error);
      // A pattern may name a directory that is not there; one that its parent has just named was there a moment ago.
      if (errno === 'ENOENT' || errno === 'ENOTDIR') {
        if (raw !== '' && !isNamedByParent(raw)) {
          absent.add(raw);
          return undefined;
        }
        throw new DistprintError('ERR_DISTPRINT_UNSTABLE', `${shown(raw)} was gone before it could be listed`, {
          path: shown(raw),
          cause: error,
        });
      }
      throw unreadable(error, shown(raw));
    }
  }
  function isNamedByParent(raw) {
    const name = toShown(nameOf(raw));
    return (
      directories
        .get(parentOf(raw))
        ?.entries()
        .some((entry) => entry.name === name && entry.isDirectory()) === true
    );
  }
  function toEntries(directory, dirents, found) {
    const entries = [];
    for (const dirent of dirents) {
      if (never.includes(dirent.name) || (directory === '' && dirent.name === notAtRoot)) continue;
      const name = toShown(dirent.name);
      const isPlain = dirent.isFile() || dirent.isDirectory();
      if (isPlain && name === dirent.name) {
        entries.push(dirent);
        continue;
      }
      const raw = childOf(directory, dirent.name);
      const what = whatIs(raw, dirent);
      if (typeof what === 'object') found.set(raw, what);
      entries.push(toEntry(name, what === 'directory'));
    }
    return entries;
  }
  /** What something comes to, links followed. */
  function whatIs(raw, found) {
    return found.isSymbolicLink() ? follow(raw) : kindOf(found);
  }
  function follow(raw) {
    const at = fsPath(raw);
    try {
      const kind = kindOf(statSync(at));
      return kind === 'directory' && containsItsLink(raw) ? { kind: 'cycle', link: linkText(at) } : kind;
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'ENOENT' || errno === 'ENOTDIR') return { kind: 'dangling', link: linkText(at) };
      if (errno === 'ELOOP') return { kind: 'cycle', link: linkText(at) };
      throw unreadable(error, shown(raw));
    }
  }
  /** Whether a link leads to a directory on the way to itself, so that following it would never end. */
  function containsItsLink(raw) {
    const real = (path) => realpathSync.native(fsPath(path), { encoding: 'latin1' });
    const target = real(raw);
    for (let above = raw; above !== ''; ) {
      above = parentOf(above);
      const place = real(above);
      if (place === target || target === '/' || place.startsWith(`${target}/`)) return true;
    }
    return false;
  }
  /** fast-glob asks this for a pattern that holds no wildcard. It takes an ENOENT for "no match". */
  function look(virtual) {
    const raw = toRawPath(virtual);
    try {
      if (isNever(raw)) throw NO_MATCH;
      const stats = lstatSync(fsPath(raw));
      const what = whatIs(raw, stats);
      if (typeof what === 'object') specials.set(raw, what);
      return Object.assign(toEntry(nameOf(raw), what === 'directory'), NO_OTHER_KIND);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENOTDIR') throw unreadable(error, shown(raw));
      absent.add(raw);
      throw NO_MATCH;
    }
  }
  return {
    specials,
    directories,
    absent,
    whatIs,
    readFromDisk,
    adapter: toAdapter(readDirectory, look),
  };
}
function kindOf(found) {
  if (found.isFile()) return 'file';
  if (found.isDirectory()) return 'directory';
  return { kind: found.isFIFO() ? 'fifo' : found.isSocket() ? 'socket' : 'device' };
}
/** What fast-glob asks of `fs.Stats`, but not of a directory's entry. */
const NO_OTHER_KIND = { isBlockDevice: no, isCharacterDevice: no, isFIFO: no, isSocket: no };
/** What fast-glob takes for "not there". */
const NO_MATCH = Object.assign(new Error('no match'), { code: 'ENOENT' });
const linkText = (at) => readlinkSync(at, { encoding: 'latin1' });
/**
 * Both ways into the disk. The asynchronous one blocks for one directory at a time, which is faster by half than the
 * thread pool for directories of usual size, and gives the event loop a turn after each slice.
 */
function toAdapter(readDirectory, look) {
  let sliceEnds = performance.now() + SLICE_MS;
  const later =
    (get) =>
    (path, ...rest) => {
      const answer = rest[rest.length - 1];
      const run = () => {
        let value;
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
