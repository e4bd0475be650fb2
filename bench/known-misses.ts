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
const FEW = 'met at 0.88 to 1.04 of 21 rounds; three scatter';
const FRESH =
  'a fresh process runs uncompiled code: the least work (cache read and checked, a bare lstat loop over a ready list) takes 1.5 to 5 warm beats in it';

const KNOWN_MISSES: readonly KnownMiss[] = [
  { table: COLD, corpus: 'typescript', what: /floor$/, ceiling: 1.5, why: 'met at 1.19 to 1.29; few rounds scatter' },
  { table: COLD, corpus: 'n8n-workflow', what: /floor$/, ceiling: 1.5, why: 'met at 1.23 to 1.29; few rounds scatter' },
  { table: COLD, corpus: 'next', what: /floor$/, ceiling: 1.45, why: 'met at 1.24 to 1.28; few rounds scatter' },
  {
    table: COLD,
    corpus: 'hapi',
    what: /(xxhsum|b3sum)$/,
    ceiling: 1.2,
    why: 'met at 0.6 to 0.97, missed once at 1.11; all three read 142 MB at the speed of the memory',
  },
  {
    table: COLD,
    corpus: 'hapi',
    what: /folder-hash$/,
    ceiling: 0.2,
    why: 'met at 0.07 to 0.11, missed once at 0.129; readings of 142 MB scatter',
  },
  {
    table: COLD,
    corpus: 'typescript',
    what: /folder-hash$/,
    ceiling: 0.29,
    why: '0.17 to 0.24; the floor itself takes 0.14 to 0.20 of it: both cores read for folder-hash, and most of it is three large files',
  },
  {
    table: COLD,
    corpus: 'n8n-workflow',
    what: /folder-hash$/,
    ceiling: 0.18,
    why: 'the floor itself takes 0.11 of it; met at 0.115, missed at 0.13',
  },
  {
    table: COLD,
    corpus: 'typescript',
    what: /xxhsum list$/,
    ceiling: 1.15,
    why: 'met at 0.80 to 0.98; few rounds scatter',
  },
  {
    table: COLD,
    corpus: 'n8n-workflow',
    what: /xxhsum list$/,
    ceiling: 1.15,
    why: 'met at 0.95 to 0.99, though it is given the list, and we make ours',
  },
  { table: COLD, corpus: 'next', what: /xxhsum list$/, ceiling: 1.9, why: 'the floor itself takes 1.02 to 1.21 of it' },
  {
    table: COLD,
    corpus: 'next',
    what: /xxhsum pipeline$/,
    ceiling: 1.4,
    why: 'met at 0.97 to 1.00, missed at 1.02 to 1.18',
  },
  { table: COLD, corpus: 'next', what: /b3sum list$/, ceiling: 1.25, why: 'met at 0.83 to 0.95, missed once at 1.05' },
  {
    table: 'beat on an unchanged tree',
    corpus: 'next',
    what: /git status$/,
    ceiling: 1.3,
    why: 'git stats with several threads: one lstat for each file and directory takes 0.95 to 1.08 of it',
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
    why: 'met at 1.19 to 1.29, missed at 1.46: the fold and the diff of 8,711 lines, run cold',
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
    ceiling: 16,
    why: FRESH,
  },
  {
    table: 'first answer of a fresh process with a cacheFile',
    corpus: 'hapi',
    what: /^(which content|is it what started)$/,
    ceiling: 2.1,
    why: '1.6 to 1.8 ms: the least work takes 0.75, and compiling some 80 functions at their first call 0.8 (0.9 in all with --no-lazy)',
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
