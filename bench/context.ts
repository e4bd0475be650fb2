/**
 * What every bench is given: the library, the corpora and a place to write to.
 *
 * Measured is the *compiled* library, built anew into a directory of this run: `tsx` rewrites what it loads, which costs
 * time at run time too, and nobody installs it so.
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { CACHE, type Corpus, fetchCorpora } from './corpora.ts';
import type { Row } from './table.ts';

export type Library = typeof import('../src/index.ts');

export interface Bench {
  readonly lib: Library;
  /** Where the compiled library lies. */
  readonly dist: string;
  /** A directory of this run's own. */
  readonly scratch: string;
  readonly corpora: readonly Corpus[];
  readonly quick: boolean;
  /** What is known to be missed is not to be measured again. */
  readonly known: boolean;
  report(row: Row): void;
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const HOME = join(CACHE, 'bench');
const LOCK = join(HOME, 'lock');

/**
 * @param dist a compiled library to measure in place of a new build
 * @throws where another bench runs: two at once measure each other
 */
export async function openBench(
  options: { quick: boolean; known: boolean; dist: string | undefined },
  report: (row: Row) => void,
): Promise<Bench> {
  mkdirSync(HOME, { recursive: true });
  takeLock();
  const scratch = join(HOME, `run-${process.pid}`);
  process.once('exit', () => {
    rmSync(scratch, { recursive: true, force: true });
    rmSync(LOCK, { force: true });
  });
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
  mkdirSync(scratch, { recursive: true });
  const dist = options.dist === undefined ? build(join(scratch, 'dist')) : resolve(options.dist);
  const lib = (await import(pathToFileURL(join(dist, 'index.js')).href)) as Library;
  return { lib, dist, scratch, corpora: fetchCorpora(), quick: options.quick, known: options.known, report };
}

function takeLock(): void {
  try {
    writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
  } catch {
    const holder = Number(readFileSync(LOCK, 'utf8'));
    if (isAlive(holder))
      throw new Error(`another bench is running (process ${holder}): two at once measure each other`);
    writeFileSync(LOCK, String(process.pid));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** What `npm run build` does, to a place where no other build removes it under us. */
function build(dist: string): string {
  const rolldown = join(dirname(createRequire(import.meta.url).resolve('rolldown/package.json')), 'bin', 'cli.mjs');
  const args = [rolldown, '--config', join(ROOT, 'rolldown.config.js'), '--dir', dist];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  if (status !== 0) throw new Error(`the build failed:\n${stdout}${stderr}`);
  return dist;
}

/** Absolute paths of the files that a manifest lists. */
export function toFiles(corpus: Corpus, entries: readonly { readonly path: string }[]): string[] {
  return entries.map(({ path }) => {
    if (path.includes('\\')) throw new Error(`${corpus.name}: ${path} is escaped; the bench expects plain names`);
    return path === '.' ? corpus.path : join(corpus.path, path);
  });
}

/** With every directory of the corpus that one of the files is in. */
export function withDirectories({ path }: Corpus, files: readonly string[]): string[] {
  const directories = new Set<string>();
  for (const file of files) {
    for (let at = dirname(file); at.startsWith(path) && !directories.has(at); at = dirname(at)) directories.add(at);
  }
  return [...files, ...directories];
}
