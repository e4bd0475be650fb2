/**
 * One description of a piece of work, two ways to run it.
 *
 * Work is a generator that yields steps. `runSync` takes the blocking way through each step, `runAsync` the other,
 * and gives the event loop a turn whenever a slice of time is used up. So the two can't drift apart in what they answer.
 * @module
 */
/** A place where work may be interrupted. Cheap enough to yield every few microseconds' worth of work. */
export const PAUSE = { sync() {}, async: () => new Promise((resolve) => setImmediate(resolve)) };
/**
 * Milliseconds that asynchronous work holds the event loop at a stretch. The longest stall that we promise is 5 ms;
 * what comes on top of a slice is one unit that can't be split (a small file, one directory's listing) and the garbage collector.
 */
export const SLICE_MS = 1;
/** Yields a step from within work and hands back what it gave, typed. */
export function* perform(step) {
  return yield step;
}
/** Runs work to its end without giving up the thread. Throws what the work throws. */
export function runSync(work) {
  let turn = work.next();
  while (!turn.done) {
    if (turn.value === PAUSE) {
      turn = work.next();
      continue;
    }
    let value;
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
export async function runAsync(work) {
  let sliceEnds = performance.now() + SLICE_MS;
  let turn = work.next();
  while (!turn.done) {
    const step = turn.value;
    if (step === PAUSE && performance.now() < sliceEnds) {
      turn = work.next();
      continue;
    }
    let value;
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
