/**
 * Counts and times the calls to the file system that a piece of work makes in this process.
 *
 * The functions of `node:fs` are wrapped for that time, and Node is told, so that imports by name see the wrappers
 * (`module.syncBuiltinESMExports`). The code that is measured is the code that runs elsewhere, without a counter in it.
 * @module
 */

import fs, { type Dirent } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** These don't waver: the same tree gives the same counts on every machine. */
export interface Counters {
  /** Entries of listed directories that are no directories. */
  readonly filesListed: number;
  readonly directoriesListed: number;
  /** Of paths and of open files. */
  readonly stats: number;
  readonly opens: number;
  readonly bytesRead: number;
}

/** Milliseconds by what they went into. `rest` is what is no call: hashing, sorting, comparing. */
export type Spent = Readonly<Record<'list' | 'stat' | 'open' | 'read' | 'rest', number>>;

export interface Watched {
  readonly counters: Counters;
  readonly spent: Spent;
}

type Kind = Exclude<keyof Spent, 'rest'>;
type Call = (...args: unknown[]) => unknown;

const KINDS = {
  readdirSync: 'list',
  statSync: 'stat',
  lstatSync: 'stat',
  fstatSync: 'stat',
  openSync: 'open',
  closeSync: 'open',
  readSync: 'read',
} as const satisfies Record<string, Kind>;

/** What came in the fastest of `times` runs. */
export async function watchCalls(work: () => unknown, times = 3): Promise<Watched> {
  let fastest: Watched | undefined;
  for (let run = 0; run < times; run++) {
    const watched = await watchOnce(work);
    if (fastest === undefined || sum(watched.spent) < sum(fastest.spent)) fastest = watched;
  }
  return fastest as Watched;
}

const sum = (spent: Spent) => Object.values(spent).reduce((total, ms) => total + ms, 0);

async function watchOnce(work: () => unknown): Promise<Watched> {
  const counters = { filesListed: 0, directoriesListed: 0, stats: 0, opens: 0, bytesRead: 0 };
  const spent = { list: 0, stat: 0, open: 0, read: 0, rest: 0 };
  const note = (name: string, args: readonly unknown[], result: unknown) => {
    if (name === 'readdirSync') {
      counters.directoriesListed++;
      counters.filesListed += (result as Dirent[]).filter((entry) => !entry.isDirectory()).length;
    } else if (name === 'openSync') counters.opens++;
    else if (name === 'readSync') counters.bytesRead += result as number;
    else if (name !== 'closeSync' && !isSecondLook(args)) counters.stats++;
  };
  const unwrap = wrap(
    (name, call) =>
      (...args) => {
        const startedMs = performance.now();
        try {
          const result = call(...args);
          note(name, args, result);
          return result;
        } finally {
          spent[KINDS[name]] += performance.now() - startedMs;
        }
      },
    (length) => (counters.bytesRead += length),
  );
  const startedMs = performance.now();
  try {
    await work();
  } finally {
    unwrap();
  }
  const elapsedMs = performance.now() - startedMs;
  return { counters, spent: { ...spent, rest: Math.max(0, elapsedMs - sum(spent)) } };
}

/** Where a number is too small for an inode, it is asked for once more (disk/stat.ts). That depends on the machine, and counts once. */
const isSecondLook = ([, options]: readonly unknown[]) =>
  typeof options === 'object' && options !== null && 'bigint' in options && options.bigint === true;

/** @param onRead told of the bytes that another thread has read */
function wrap(around: (name: keyof typeof KINDS, call: Call) => Call, onRead: (length: number) => unknown): () => void {
  const functions = fs as unknown as Record<string, Call>;
  const names = [...(Object.keys(KINDS) as (keyof typeof KINDS)[]), 'read' as const];
  const originals = names.map((name) => [name, functions[name] as Call] as const);
  for (const [name, call] of originals)
    functions[name] = name === 'read' ? toCountedRead(call, onRead) : around(name, call);
  syncBuiltinESMExports();
  return () => {
    for (const [name, call] of originals) functions[name] = call;
    syncBuiltinESMExports();
  };
}

const toCountedRead =
  (read: Call, onRead: (length: number) => unknown): Call =>
  (...args) => {
    const answer = args.at(-1) as Call;
    return read(...args.slice(0, -1), (error: unknown, length: number, ...rest: unknown[]) => {
      if (!error) onRead(length);
      answer(error, length, ...rest);
    });
  };
