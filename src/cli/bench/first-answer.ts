/**
 * The first answer of a fresh process that has a cache file: which content is installed. And its floor: one bare `lstatSync` for each
 * file and directory, in a fresh process too, since that runs uncompiled code.
 *
 * Imports are excluded; the cache file, the detector and every stat are included. Each process times itself, without its wait for a core.
 * @module
 */

import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { DistprintError } from '../../errors.ts';
import { runChild } from './child.ts';
import type { Target } from './target.ts';

interface Answer {
  readonly ms: number;
  readonly filesRead: number;
  readonly notes: readonly string[];
}

/** The clock of measure.ts that leaves out the wait for a core. */
const START = 'const started = performance.now(), cpuBefore = process.cpuUsage();';
const READ = `(() => {
  const ms = performance.now() - started, { user, system } = process.cpuUsage(cpuBefore);
  return Math.min(ms, (user + system) / 1000);
})()`;

/**
 * Times first answers, one process at a time.
 * @param library the URL of distprint's own entry point
 * @param cacheFile is there already
 * @returns milliseconds
 * @throws (the function returned) ERR_DISTPRINT_UNSTABLE where the answer had to read files: they change meanwhile
 */
export function toFirstAnswer(library: string, { path, coverage }: Target, cacheFile: string): () => number {
  const options = { path: resolve(path), ...coverage, cacheFile };
  const source = `
    import { createDetector } from ${JSON.stringify(library)};
    const options = ${JSON.stringify(options)};
    ${START}
    const detector = createDetector(options);
    const ms = ${READ};
    const { filesRead } = detector.checkSync();
    console.log(JSON.stringify({ ms, filesRead, notes: detector.notes }));`;
  return () => {
    const { ms, filesRead, notes } = runChild<Answer>(source, process.execArgv);
    if (filesRead === 0 && !notes.some((note) => note.startsWith(cacheFile))) return ms;
    throw new DistprintError('ERR_DISTPRINT_UNSTABLE', `${path} changed while it was measured: try again when it is quiet`, {
      path,
    });
  };
}

/** @param list a file that may be written */
export function toFirstStats({ files, directories }: Target, list: string): () => number {
  const places = [...files, ...directories].map((at) => (typeof at === 'string' ? at : { raw: at.toString('latin1') }));
  writeFileSync(list, JSON.stringify(places));
  const source = `
    import { lstatSync, readFileSync } from 'node:fs';
    const toPlace = (at) => (typeof at === 'string' ? at : Buffer.from(at.raw, 'latin1'));
    const places = JSON.parse(readFileSync(${JSON.stringify(list)}, 'utf8')).map(toPlace);
    ${START}
    for (const at of places) lstatSync(at);
    console.log(JSON.stringify({ ms: ${READ} }));`;
  return () => runChild<Answer>(source).ms;
}
