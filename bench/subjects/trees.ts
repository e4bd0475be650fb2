/**
 * Trees to work on: copies of the corpora, which may be touched, changed and committed to git, and generated trees of any size.
 * They are kept in `.cache/bench/trees`. A copy that an interrupted run left changed is made anew.
 */

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Library } from '../library.ts';
import type { Launch } from '../timing/launcher.ts';
import { CACHE, type Corpus, moveCorpus } from './corpora.ts';

const TREES = join(CACHE, 'bench', 'trees');

/** A file younger than 2 s is racily clean. */
const NO_LONGER_RACY_MS = 2_100;

/** When a tree was last written, on the clock of `performance.now()`. 0: an earlier run may have written until now. */
let writtenMs = 0;

/** Call it after each write to a tree. */
export function noteWrite(): void {
  writtenMs = performance.now();
}

/** Waits until no file is racily clean. */
export const waitUntilNotRacy = () => sleep(Math.max(0, writtenMs + NO_LONGER_RACY_MS - performance.now()));

/** Copies that equal their corpus, found or made so by this run. */
const checked = new Set<string>();

/** @param purpose names the copy; `git` also commits all of it */
export function copyCorpus(lib: Library, corpus: Corpus, purpose: 'git' | 'in-place' | 'rename'): Corpus {
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

const FILES_EACH = 50;

/** A tree of `count` small files, 50 a directory. */
export function generateTree(count: number): string {
  const root = join(TREES, `generated-${count}`);
  if (existsSync(root)) return root;
  create(root, (place) => {
    for (let first = 0; first < count; first += FILES_EACH) {
      const directory = join(place, `part-${Math.floor(first / 5_000)}`, `directory-${first / FILES_EACH}`);
      mkdirSync(directory, { recursive: true });
      for (let i = first; i < Math.min(first + FILES_EACH, count); i++) {
        writeFileSync(join(directory, `module-${i}.js`), `export const answer = ${i};\n`);
      }
    }
  });
  return root;
}

/** Fills a directory beside its place, then renames it. */
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

/** Keeps the user's configuration out. */
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
  // Fast objects rather than small ones, and no clean-up beside the bench.
  for (const setting of ['core.looseCompression=0', 'gc.auto=0', 'maintenance.auto=false']) {
    git(root, 'config', ...setting.split('='));
  }
  git(root, 'add', '--all', '--force');
  git(root, '-c', 'user.name=bench', '-c', 'user.email=bench@localhost', 'commit', '--quiet', '-m', 'all');
}
