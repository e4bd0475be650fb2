/**
 * One description of a piece of work, two ways to run it.
 *
 * Work is a generator that yields steps. `runSync` runs each step blocking; `runAsync` runs it asynchronously, and gives the event loop
 * a turn after each slice of time. Both run the same code, so they give the same answers.
 * @module
 */

/** Something that can be done blocking or asynchronously. */
export interface Step<T> {
  sync(): T;
  async(): Promise<T>;
}

export type Work<T> = Generator<Step<unknown>, T, unknown>;

/** A place where work may be interrupted. It costs next to nothing while the slice lasts. */
export const PAUSE: Step<void> = { sync() {}, async: () => new Promise((resolve) => setImmediate(resolve)) };

/** Waits for so many milliseconds. */
export const wait = (ms: number): Step<void> => ({
  sync: () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms),
  async: () => new Promise((resolve) => setTimeout(resolve, ms)),
});

/**
 * Milliseconds for which asynchronous work holds the event loop. We promise stalls of at most 5 ms, and a stall is longer than a slice:
 * a unit that can't be split (a few small files, one directory) and the garbage collector come on top, 3 ms with thousands of files.
 * Shorter slices make a pass longer on a busy loop, since each waits for a turn (a quarter of this: 2.3 times as long, measured).
 */
export const SLICE_MS = 0.5;

/** Yields a step from within work, and returns its result with its type. */
export function* perform<T>(step: Step<T>): Work<T> {
  return (yield step) as T;
}

/** Runs work to its end, blocking. Throws what the work throws. */
export function runSync<T>(work: Work<T>): T {
  let turn = work.next();
  while (!turn.done) {
    if (turn.value === PAUSE) {
      turn = work.next();
      continue;
    }
    let value: unknown;
    try {
      value = turn.value.sync();
    } catch (error) {
      turn = work.throw(error);
      continue;
    }
    turn = work.next(value);
  }
  return turn.value;
}

/** Runs work in slices of `SLICE_MS`. Rejects with what the work throws. */
export async function runAsync<T>(work: Work<T>): Promise<T> {
  let sliceEnds = performance.now() + SLICE_MS;
  let turn = work.next();
  while (!turn.done) {
    const step = turn.value;
    if (step === PAUSE && performance.now() < sliceEnds) {
      turn = work.next();
      continue;
    }
    let value: unknown;
    try {
      value = await step.async();
    } catch (error) {
      turn = work.throw(error);
      continue;
    }
    if (step === PAUSE) sliceEnds = performance.now() + SLICE_MS;
    turn = work.next(value);
  }
  return turn.value;
}
