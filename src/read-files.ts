/**
 * Reads many files, in turn; asynchronously, and where there are very many, with the help of a second thread.
 * @module
 */

import { Worker } from 'node:worker_threads';
import { digestAt, idAt, isRacyAt, toNumbers } from './columns.ts';
import { unreadable } from './errors.ts';
import { writePath } from './raw-path.ts';
import { type Reading, readFile, readSmallFile, vanished } from './read-file.ts';
import { PAUSE, perform, runAsync, runSync, type Work } from './steps.ts';

/** A file to read: what `node:fs` takes for it. */
export type Place = string | Buffer;

/** What the helper is given: the places, and the counter from which both sides take their next batch. */
export interface Share {
  readonly places: readonly Place[];
  /** The first index that nobody has taken yet, and whether the helper has taken any. */
  readonly counter: Int32Array;
}

/** What the helper gives back (columns.ts). */
export interface HelperReadings {
  readonly indices: Int32Array;
  readonly digests: string;
  readonly numbers: Float64Array;
}

/** A thread takes some 30 ms to start, in which this one reads about as many files. */
const HELP_FROM_FILES = 2_000;
const BATCH = 32;
const FILES_A_PAUSE = 8;

/**
 * The readings of all places, in their order.
 * @throws what `readFile` throws
 */
export function* readFiles(places: readonly Place[]): Work<Reading[]> {
  if (places.length < HELP_FROM_FILES) return (yield* readShare(alone(places))) as Reading[];
  return yield* perform({
    sync: () => runSync(readShare(alone(places))) as Reading[],
    async: () => readWithHelper(places),
  });
}

const alone = (places: readonly Place[]): Share => ({ places, counter: new Int32Array(2) });

/** Takes batch after batch until none is left. What the other side takes stays undefined. */
export function* readShare({ places, counter }: Share): Work<(Reading | undefined)[]> {
  const readings: (Reading | undefined)[] = new Array(places.length).fill(undefined);
  for (;;) {
    const from = Atomics.add(counter, 0, BATCH);
    if (from >= places.length) return readings;
    for (let i = from; i < Math.min(from + BATCH, places.length); i++) {
      if (i % FILES_A_PAUSE === 0) yield PAUSE;
      const at = places[i] as Place;
      readings[i] = readSmall(at) ?? (yield* readFile(at, show(at)));
    }
  }
}

/** Nearly every file is small, and is read without the detour over a generator; undefined where it must go that way. */
function readSmall(at: Place): Reading | undefined {
  try {
    return readSmallFile(at);
  } catch (error) {
    throw vanished(error, show(at)) ?? unreadable(error, show(at));
  }
}

const show = (at: Place) => (typeof at === 'string' ? at : writePath(at.toString('latin1')));

async function readWithHelper(places: readonly Place[]): Promise<Reading[]> {
  const share: Share = { places, counter: new Int32Array(new SharedArrayBuffer(8)) };
  const helper = startHelper(share);
  try {
    const readings = await runAsync(readShare(share));
    // A helper that has not begun by now is not waited for.
    const helped = Atomics.load(share.counter, 1) === 0 ? undefined : await helper.result;
    if (helped !== undefined) merge(helped, readings);
    // Where it failed, or met an error: the same again, here, where it can be said.
    const left = [...readings.keys()].filter((i) => readings[i] === undefined);
    const rest = await runAsync(readShare(alone(left.map((i) => places[i] as Place))));
    for (const [k, i] of left.entries()) readings[i] = rest[k];
    return readings as Reading[];
  } finally {
    helper.stop();
  }
}

function startHelper(share: Share): { result: Promise<HelperReadings | undefined>; stop: () => void } {
  const url = new URL(import.meta.url.endsWith('.ts') ? './read-helper.ts' : './read-helper.js', import.meta.url);
  // Without the host's flags: its `--import` is for its own threads.
  const worker = new Worker(url, { workerData: share, execArgv: [], name: 'distprint' });
  const result = new Promise<HelperReadings | undefined>((resolve) => {
    // It can't start where a bundler left its file behind, for one. Then this thread reads everything.
    worker.once('message', resolve);
    worker.once('error', () => resolve(undefined));
    worker.once('exit', () => resolve(undefined));
  });
  return { result, stop: () => void worker.terminate() };
}

/** On the helper's side: what it has read. */
export function toColumns(readings: readonly (Reading | undefined)[]): HelperReadings {
  const indices = [...readings.keys()].filter((i) => readings[i] !== undefined);
  const own = indices.map((i) => readings[i] as Reading);
  return {
    indices: Int32Array.from(indices),
    digests: own.map(({ digest }) => digest).join(''),
    numbers: toNumbers(own),
  };
}

function merge({ indices, digests, numbers }: HelperReadings, readings: (Reading | undefined)[]): void {
  indices.forEach((index, k) => {
    readings[index] = { digest: digestAt(digests, k), id: idAt(numbers, k), racy: isRacyAt(numbers, k) };
  });
}
