/**
 * Listens to directories (`fs.watch`), as a reason to look now and never as a proof: events get lost where a queue overflows, on network
 * file systems, and where the system has no watches left. So whoever is woken by them looks at intervals as well.
 *
 * On Windows: watch-below.ts.
 * @module
 */

import { type FSWatcher, watch } from 'node:fs';
import { basename } from 'node:path';
import { errnoOf } from '../errors.ts';
import { isWindows } from '../platform/paths.ts';
import { PAUSE, runAsync, type Work } from '../steps.ts';
import { matters, type Place, type Places } from './places.ts';
import { watchBelow } from './watch-below.ts';

export interface Listener {
  /** Called for each event that matters, and after directories were added: until then nobody listened there. */
  readonly wake: () => void;
  /** Told, for people, why events can't be relied on here. */
  readonly say: (note: string) => void;
  /** Ends it. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Listens to nothing at first. It keeps no process alive.
 * @returns what listens to these places from now on, and to no others. Calls must not overlap. It resolves with whether all that
 *   matters is heard
 */
export function watchDirectories({ wake, say, signal }: Listener): (places: Places) => Promise<boolean> {
  if (isWindows) {
    const follow = watchBelow(process.cwd(), wake, signal);
    return async (places) => {
      follow(places);
      return false; // much lies elsewhere
    };
  }
  const watchers = new Map<string, FSWatcher>();
  let wanted: Places = new Map();
  let isComplete = true;

  function close(id: string): void {
    watchers.get(id)?.close();
    watchers.delete(id);
  }

  /** The watch is of no use any more, though a directory may lie there. */
  function lose(id: string): void {
    close(id);
    isComplete = false;
    wake();
  }

  /** @throws the operating system's errors as they are */
  function open(id: string, { at }: Place): void {
    const own = basename(typeof at === 'string' ? at : at.toString());
    let heard = 0;
    const watcher = watch(at, { persistent: false }, (event, name) => {
      // So the removal and the renaming of the directory itself are told, and those of an entry that has its name.
      if (event === 'rename' && name === own) return lose(id);
      if (!matters(name, wanted.get(id))) return;
      wake();
      if (++heard === FLOOD) lose(id);
    });
    watcher.on('error', () => lose(id)); // Windows, where the directory is removed
    watchers.set(id, watcher);
  }

  function* follow(): Work<void> {
    for (const id of [...watchers.keys()]) if (!wanted.has(id)) close(id);
    isComplete = true;
    let isAdded = false;
    for (const [id, place] of wanted) {
      if (watchers.has(id)) continue;
      yield PAUSE;
      if (signal?.aborted) return;
      try {
        open(id, place);
        isAdded = true;
      } catch (error) {
        const code = errnoOf(error) ?? '';
        if (!(code in EXHAUSTED)) continue; // it is gone, or may not be read: who looks there finds out
        isComplete = false; // and is tried again after the next look
        say(sayExhausted(code, watchers.size, wanted.size));
        break;
      }
    }
    if (isAdded) wake();
  }

  signal?.addEventListener('abort', () => [...watchers.keys()].forEach(close), { once: true });

  return async (places) => {
    if (signal?.aborted || (places === wanted && isComplete)) return true;
    wanted = places;
    await runAsync(follow());
    return true;
  };
}

/**
 * After so many events a directory is not listened to before the next look: one event is enough for that, and each call of a listener takes
 * some microseconds, in which a full queue would hold up the host.
 */
const FLOOD = 200;

const EXHAUSTED: Record<string, string> = {
  ENOSPC: 'raise fs.inotify.max_user_watches',
  EMFILE: 'raise fs.inotify.max_user_instances, or the limit of open files',
  ENFILE: 'too many files are open on this machine',
  ENOMEM: 'memory is short',
};

function sayExhausted(code: string, count: number, all: number): string {
  return `only ${count} of ${all} directories can be listened to (${code}: ${EXHAUSTED[code]}); what moves elsewhere is seen at the next beat`;
}
