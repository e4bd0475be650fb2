/**
 * What a runner watches, and what of it started.
 * @module
 */

import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createDetector, type Detector } from '../change/detector.ts';
import { coverRunningProgram, locateRunningProgram, whyElsewhere } from '../change/running-program.ts';
import { DistprintError, isDistprintError } from '../errors.ts';
import type { RunnerOptions } from './options.ts';
import { readState } from './role/state-file.ts';

export interface Watched {
  /** Absolute. */
  readonly path: string;
  readonly detector: Detector;
  /** The same detector for the program at another path. Null where the host said what to watch. */
  readonly detectAt: ((path: string) => Detector) | null;
  /** Why it can't be told what this process runs. Null where it can. */
  readonly elsewhere: string | null;
}

/** @throws ERR_DISTPRINT_NOT_FOUND where there is nothing to watch; what `createDetector` throws */
export async function watch(options: RunnerOptions, stateFile: string): Promise<Watched> {
  const path = locatePath(options);
  const detector = await createBaseline(path, options, readKnown(stateFile, path));
  const { baseline } = detector;
  const detectAt =
    options.path === undefined ? (at: string) => createDetector({ ...options, path: at, baseline }) : null;
  return { path, detector, detectAt, elsewhere: whyElsewhere(path) };
}

function locatePath(options: RunnerOptions): string {
  const path = options.path ?? locateRunningProgram();
  if (path !== undefined) return resolve(path);
  const message = 'this process runs no script of a package, nor a compiled executable: say what to watch in `path`';
  throw new DistprintError('ERR_DISTPRINT_NOT_FOUND', message);
}

/** What the runner before this one ran. It was installed before this process started, so a touch since does not make it doubtful. */
function readKnown(stateFile: string, path: string): string | undefined {
  try {
    const before = readState(stateFile)?.distprint;
    return before?.path === path ? before.fingerprint : undefined;
  } catch {
    return undefined;
  }
}

const BASELINE_WAIT_MS = 10_000;

/** In the middle of an install there may be nothing to take for a moment. */
async function createBaseline(path: string, options: RunnerOptions, known: string | undefined): Promise<Detector> {
  const deadlineMs = performance.now() + BASELINE_WAIT_MS;
  for (;;) {
    try {
      const isGiven = options.include !== undefined || options.kind === 'directory';
      return createDetector({ ...options, ...(isGiven ? {} : coverRunningProgram(path)), path }, known);
    } catch (error) {
      if (!isDistprintError(error) || error.code === 'ERR_DISTPRINT_OPTION' || performance.now() > deadlineMs)
        throw error;
      await delay(100);
    }
  }
}
