/**
 * One description of a piece of work, two ways to run it.
 *
 * Work is a generator that yields steps. `runSync` takes the blocking way through each step, `runAsync` the other,
 * and gives the event loop a turn whenever a slice of time is used up. So the two can't drift apart in what they answer.
 * @module
 */

/** Something that can be done at once, blocking, or a little later, without. */
export interface Step<T> {
  sync(): T;
  async(): Promise<T>;
}

export type Work<T> = Generator<Step<unknown>, T, unknown>;

/** A place where work may be interrupted. Cheap enough to yield every few microseconds' worth of work. */
export const PAUSE: Step<void> = { sync() {}, async: () => new Promise((resolve) => setImmediate(resolve)) };

/**
 * Milliseconds that asynchronous work holds the event loop at a stretch. The longest stall that we promise is 5 ms; what comes on
 * top of a slice is one unit that can't be split (a few small files, one directory's listing) and the garbage collector, which
 * takes 3 ms of them where there are thousands of files. A shorter slice would make a pass longer where the loop is busy: each waits for a
 * turn of it.
 */
export const SLICE_MS = 0.5;

/** Yields a step from within work and hands back what it gave, typed. */
export function* perform<T>(step: Step<T>): Work<T> {
  return (yield step) as T;
}

/** Runs work to its end without giving up the thread. Throws what the work throws. */
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
