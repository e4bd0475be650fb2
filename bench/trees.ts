/**
 * Trees to work on: copies of the corpora that may be touched, changed and given a git history, and generated ones of any
 * size. Kept in `.cache/bench/trees`; a copy that an interrupted run left changed is made anew.
 */

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from './context.ts';
import { CACHE, type Corpus, moveCorpus } from './corpora.ts';
import type { Launch } from './launcher.ts';

const TREES = join(CACHE, 'bench', 'trees');

/** Longer than a file must have been left alone to be known by its timestamps (racily clean before that). */
const NO_LONGER_RACY_MS = 2_100;

/** When something was last written, on the clock of `performance.now()`. An earlier run may have, until this one began. */
let writtenMs = 0;

/** To be told of each write to a tree. */
export function noteWrite(): void {
  writtenMs = performance.now();
}

/** Until nothing that was written before is racily clean any more. */
export const waitUntilNotRacy = () => sleep(Math.max(0, writtenMs + NO_LONGER_RACY_MS - performance.now()));

/** Copies that this run has found, or made, equal to their corpus. */
const checked = new Set<string>();

/** The purpose names the copy; `git` makes it a work tree in which everything is committed. */
export function copyCorpus({ lib }: Bench, corpus: Corpus, purpose: 'git' | 'in-place' | 'rename'): Corpus {
  const copy = moveCorpus(corpus, join(TREES, `${corpus.name}-${purpose}`));
  if (checked.has(copy.root)) return copy;
  checked.add(copy.root);
  if (existsSync(copy.root)) {
    const [was, is] = [corpus, copy].map(({ path, options }) => lib.buildManifestSync(path, options).fingerprint);
    if (was === is) return copy;
    rmSync(copy.root, { recursive: true });
  }
  create(copy.root, (place) => {
    cpSync(corpus.root, place, { recursive: true, preserveTimestamps: true });
    if (purpose === 'git') commitAll(place);
  });
  return copy;
}

/** A directory of `count` small files, 50 a directory. */
export function generateTree(count: number): string {
  const root = join(TREES, `generated-${count}`);
  if (existsSync(root)) return root;
  create(root, (place) => {
    for (let i = 0; i < count; i++) {
      const directory = join(place, `part-${Math.floor(i / 5_000)}`, `directory-${Math.floor(i / 50)}`);
      if (i % 50 === 0) mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, `module-${i}.js`), `export const answer = ${i};\n`);
    }
  });
  return root;
}

/** Fills a directory beside its place and renames it there once it is whole. */
function create(root: string, fill: (place: string) => void): void {
  process.stderr.write(`preparing ${root.slice(CACHE.length + 1)} …\n`);
  mkdirSync(TREES, { recursive: true });
  const place = `${root}.partial`;
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place);
  fill(place);
  renameSync(place, root);
  noteWrite();
}

/** No configuration of this machine's user has a say. */
const GIT_ENVIRONMENT = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };

/** For the launcher. */
export const toGitStatus = (root: string): Launch => ({ command: ['git', 'status'], cwd: root, env: GIT_ENVIRONMENT });

function git(root: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync('git', args, {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    env: { ...process.env, ...GIT_ENVIRONMENT },
  });
  if (status !== 0) throw new Error(`git ${args[0]} failed (exit ${status}): ${error?.message ?? stderr}`);
}

function commitAll(root: string): void {
  git(root, 'init', '--quiet');
  // As fast as git goes: objects need not be small here, and no clean-up may run beside the bench.
  for (const setting of ['core.looseCompression=0', 'gc.auto=0', 'maintenance.auto=false']) {
    git(root, 'config', ...setting.split('='));
  }
  git(root, 'add', '--all', '--force');
  git(root, '-c', 'user.name=bench', '-c', 'user.email=bench@localhost', 'commit', '--quiet', '-m', 'all');
}
