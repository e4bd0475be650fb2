/** What every suite is given: the library, the corpora and a place to report to. */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildLibrary, type Library } from './library.ts';
import type { Row } from './results/table.ts';
import { CACHE, type Corpus, fetchCorpora } from './subjects/corpora.ts';

export interface Bench {
  readonly lib: Library;
  /** Where the compiled library lies. */
  readonly dist: string;
  /** A directory of this run's own. */
  readonly scratch: string;
  readonly corpora: readonly Corpus[];
  readonly quick: boolean;
  report(row: Row): void;
}

const HOME = join(CACHE, 'bench');
const LOCK = join(HOME, 'lock');

/**
 * @param options.dist a compiled library to measure instead of a new build
 * @throws if another bench runs: each would slow the other down
 */
export async function openBench(
  options: { quick: boolean; dist: string | undefined },
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
  writeFileSync(join(scratch, 'tsconfig.json'), '{}'); // Bun heeds the nearest, and this repository's leads to the sources
  const dist = options.dist === undefined ? buildLibrary(join(scratch, 'dist')) : resolve(options.dist);
  const lib = (await import(pathToFileURL(join(dist, 'index.js')).href)) as Library;
  return { lib, dist, scratch, corpora: fetchCorpora(options.quick), quick: options.quick, report };
}

function takeLock(): void {
  try {
    writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
  } catch {
    const holder = Number(readFileSync(LOCK, 'utf8'));
    if (isAlive(holder)) {
      throw new Error(
        `another bench is running (process ${holder}), and each would slow the other down: wait until it has ended`,
      );
    }
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
