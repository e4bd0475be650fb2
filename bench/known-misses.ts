/**
 * Targets that are missed, and known to be: by how much, and why. They are printed as MISSED, and fail `--check`.
 * `--check --known`, which is what gates a change, lets each of them pass up to its ceiling, so that it can't get worse unseen.
 *
 * The ceilings are some 20 % above what was measured on two cores, Node 20.
 */

import type { Head } from './claims.ts';

interface KnownMiss {
  readonly table: string;
  readonly corpus: string;
  readonly what: RegExp;
  readonly ceiling: number;
  readonly why: string;
}

const COLD = 'cold build (all files read)';
const LISTING =
  'listing by fast-glob takes 0.18 of the floor by itself (readdir and a stat a directory alone 0.1), the garbage collector 0.06; a second thread was tried, and costs more than it gives where the other core is busy';
const FEW = 'met at 0.88 to 1.04 of 21 rounds; three scatter';
const FRESH =
  'a fresh process runs uncompiled code: a bare lstat loop over a ready list takes 1.3 to 3 warm beats in it, 1.8 to 3 where the other core is busy';

const KNOWN_MISSES: readonly KnownMiss[] = [
  {
    table: COLD,
    corpus: 'typescript',
    what: /floor$/,
    ceiling: 1.6,
    why: 'met at 1.24 in a quiet hour, 1.38 in another',
  },
  { table: COLD, corpus: 'n8n-workflow', what: /floor$/, ceiling: 1.75, why: LISTING },
  { table: COLD, corpus: 'next', what: /floor$/, ceiling: 1.65, why: LISTING },
  {
    table: COLD,
    corpus: 'hapi',
    what: /(xxhsum|b3sum)$/,
    ceiling: 1.2,
    why: 'met at 0.8 to 0.97; all three read 142 MB at the speed of the memory',
  },
  { table: COLD, corpus: 'hapi', what: /folder-hash$/, ceiling: 0.2, why: 'met at 0.11; readings of 142 MB scatter' },
  { table: COLD, corpus: 'typescript', what: /folder-hash$/, ceiling: 0.45, why: 'the floor itself takes 0.12 of it' },
  {
    table: COLD,
    corpus: 'n8n-workflow',
    what: /folder-hash$/,
    ceiling: 0.22,
    why: 'the floor itself takes 0.10 of it',
  },
  { table: COLD, corpus: 'typescript', what: /xxhsum list$/, ceiling: 1.15, why: LISTING },
  {
    table: COLD,
    corpus: 'n8n-workflow',
    what: /xxhsum list$/,
    ceiling: 1.35,
    why: 'it is given the list, we make ours',
  },
  { table: COLD, corpus: 'n8n-workflow', what: /(xxhsum pipeline|b3sum list)$/, ceiling: 1.2, why: LISTING },
  { table: COLD, corpus: 'next', what: /xxhsum list$/, ceiling: 1.9, why: 'the floor itself takes 1.05 of it' },
  { table: COLD, corpus: 'next', what: /xxhsum pipeline$/, ceiling: 1.45, why: LISTING },
  { table: COLD, corpus: 'next', what: /b3sum list$/, ceiling: 1.25, why: LISTING },
  {
    table: 'beat on an unchanged tree',
    corpus: 'next',
    what: /git status$/,
    ceiling: 1.3,
    why: 'git stats with several threads: one lstat a file takes 0.95 to 0.98 of it, and next has a directory to 12 files',
  },
  {
    table: 'beat on an unchanged tree',
    corpus: 'typescript',
    what: /^checkSync \/ lstat$/,
    ceiling: 1.22,
    why: 'it has 17 directories to 131 files: stats alone come to 1.13',
  },
  {
    table: 'after one changed file',
    corpus: 'next',
    what: /warm beat$/,
    ceiling: 1.7,
    why: 'met at 1.21 in a quiet hour: the fold and the diff of 8,711 lines, run cold',
  },
  {
    table: 'first answer of a fresh process with a cacheFile',
    corpus: 'next',
    what: /warm beat$/,
    ceiling: 3.4,
    why: FRESH,
  },
  {
    table: 'first answer of a fresh process with a cacheFile',
    corpus: 'n8n-workflow',
    what: /warm beat$/,
    ceiling: 7,
    why: FRESH,
  },
  {
    table: 'first answer of a fresh process with a cacheFile',
    corpus: 'typescript',
    what: /warm beat$/,
    ceiling: 14,
    why: FRESH,
  },
  {
    table: 'after a touch of every file',
    corpus: 'hapi',
    what: /cold build$/,
    ceiling: 1.5,
    why: 'met at 0.93 to 1.08; nine readings of 142 MB scatter up to 1.3',
  },
  { table: 'after a touch of every file', corpus: 'typescript', what: /cold build$/, ceiling: 1.3, why: FEW },
  { table: 'after a touch of every file', corpus: 'n8n-workflow', what: /cold build$/, ceiling: 1.3, why: FEW },
  { table: 'after a touch of every file', corpus: 'next', what: /cold build$/, ceiling: 1.3, why: FEW },
  {
    table: 'beat on an unchanged tree',
    corpus: 'next',
    what: /^checkSync \/ lstat$/,
    ceiling: 1.22,
    why: 'met at 1.07 to 1.11; 691 directories to 8,711 files',
  },
];

/** Why a row may miss its target with this value, or undefined where it may not, or misses it by more than is known. */
export function whyMissed({ table, corpus, what }: Head, value: number): string | undefined {
  const known = KNOWN_MISSES.find((miss) => miss.table === table && miss.corpus === corpus && miss.what.test(what));
  return known !== undefined && value <= known.ceiling ? known.why : undefined;
}
