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
import { isWindows } from '../../platform/paths.ts';
import { runChild } from './child.ts';
import type { Target } from './target.ts';

/** Milliseconds. */
export interface Answer {
  readonly ms: number;
  /** CPU time. */
  readonly user: number;
  readonly system: number;
}

/** The clock of measure.ts that leaves out the wait for a core, in a process of its own. */
const START = 'const started = performance.now(), cpuBefore = process.cpuUsage();';
const READ = `(() => {
  const wall = performance.now() - started, cpu = process.cpuUsage(cpuBefore);
  const user = cpu.user / 1000, system = cpu.system / 1000;
  return { ms: ${isWindows ? 'wall' : 'Math.min(wall, user + system)'}, user, system };
})()`;

/**
 * Times first answers, one process at a time.
 * @param library the URL of distprint's own entry point
 * @param cacheFile is there already
 * @throws (the function returned) ERR_DISTPRINT_UNSTABLE where something changed meanwhile; ERR_DISTPRINT_UNREADABLE where the cache
 * file is of no use
 */
export function toFirstAnswer(library: string, { path, coverage }: Target, cacheFile: string): () => Answer {
  const options = { path: resolve(path), ...coverage, cacheFile };
  const source = `
    import { createDetector } from ${JSON.stringify(library)};
    const options = ${JSON.stringify(options)};
    ${START}
    const detector = createDetector(options);
    const answer = ${READ};
    const note = detector.notes.find((each) => each.startsWith(options.cacheFile));
    console.log(JSON.stringify({ answer, verdict: detector.checkSync().verdict, note }));`;
  const flags = process.execArgv; // a loader, where distprint runs from its sources
  return () => {
    const { answer, verdict, note } = runChild<{ answer: Answer; verdict: string; note?: string }>(source, flags);
    if (verdict !== 'current') throw sayChanged(path);
    if (note !== undefined) throw new DistprintError('ERR_DISTPRINT_UNREADABLE', note, { path: cacheFile });
    return answer;
  };
}

export const sayChanged = (path: string) =>
  new DistprintError('ERR_DISTPRINT_UNSTABLE', `${path} changed while it was measured: try again when it is quiet`, {
    path,
  });

/** @param list a file that may be written */
export function toFirstStats({ files, directories }: Target, list: string): () => Answer {
  const places = [...files, ...directories].map((at) => (typeof at === 'string' ? at : { raw: at.toString('latin1') }));
  writeFileSync(list, JSON.stringify(places));
  const source = `
    import { lstatSync, readFileSync } from 'node:fs';
    const toPlace = (at) => (typeof at === 'string' ? at : Buffer.from(at.raw, 'latin1'));
    const places = JSON.parse(readFileSync(${JSON.stringify(list)}, 'utf8')).map(toPlace);
    ${START}
    for (const at of places) lstatSync(at);
    console.log(JSON.stringify(${READ}));`;
  return () => runChild<Answer>(source);
}
