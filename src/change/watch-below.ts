/**
 * Listens to one directory with all that lies below it (`fs.watch`, recursive): on Windows to the working directory, and to nothing else.
 *
 * Windows renames no directory in which another one is open, so an install would fail on our account. But the working directory is held
 * open by this process anyway (SetCurrentDirectory opens it, and does not share its removal), and of those below it none is opened.
 * @module
 */

import { type FSWatcher, watch } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, parse, relative } from 'node:path';
import { toSlashes } from '../platform/paths.ts';
import { matters, type Place, type Places } from './places.ts';

/** As watch-directories.ts has it. */
const FLOOD = 200;

/**
 * Listens where the directory itself is a place, or leads to one. It keeps no process alive.
 * @param directory absolute
 * @param wake called for each event that matters, and after it began to listen
 * @returns what listens for these places from now on
 */
export function watchBelow(
  directory: string,
  wake: () => void,
  signal: AbortSignal | undefined,
): (places: Places) => void {
  let watcher: FSWatcher | undefined;
  let known: Places | undefined;
  let below: ReadonlyMap<string, Place> = new Map();
  let heard = 0;
  const close = () => {
    watcher?.close();
    watcher = undefined;
  };
  /** @param path null where too much happened at once */
  function hear(path: string | null): void {
    if (path !== null && !matters(basename(path), below.get(toKey(dirname(path))))) return;
    wake();
    if (++heard === FLOOD) close(); // before the next look
  }
  function open(): void {
    heard = 0;
    watcher = watch(directory, { persistent: false, recursive: true }, (_, path) => hear(path));
    watcher.on('error', close);
    wake();
  }
  signal?.addEventListener('abort', close, { once: true });
  return (places) => {
    if (signal?.aborted) return;
    if (places !== known) below = findBelow(directory, places);
    known = places;
    try {
      if (below.size === 0) close();
      else if (watcher === undefined) open();
    } catch {
      // it may not be read: what changes is seen at the next beat
    }
  };
}

/** Paths are compared as Windows does. */
const toKey = (path: string) => (path === '.' ? '' : toSlashes(path).toLowerCase());

/** By their paths below the directory. None where that is the home folder or a whole drive: too much moves there. */
function findBelow(directory: string, places: Places): Map<string, Place> {
  const below = new Map<string, Place>();
  if ([homedir(), parse(directory).root].some((each) => toKey(each) === toKey(directory))) return below;
  for (const place of places.values()) {
    const path = relative(directory, place.at.toString());
    if (path.split(/[/\\]/)[0] !== '..' && !isAbsolute(path)) below.set(toKey(path), place);
  }
  return below;
}
