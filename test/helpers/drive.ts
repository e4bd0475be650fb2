import { runSync, type Step, type Work } from '../../src/steps.ts';

/** Runs work to its end, with `between` having its turn after each of its steps. */
export function drive<T>(work: Work<T>, between: (step: Step<unknown>, index: number) => void): T {
  function* watched(): Work<T> {
    let turn = work.next();
    for (let index = 0; !turn.done; index++) {
      const step = turn.value;
      let value: unknown;
      try {
        value = step.sync();
      } catch (error) {
        turn = work.throw(error);
        continue;
      }
      between(step, index);
      turn = work.next(value);
      yield step;
    }
    return turn.value;
  }
  return runSync(watched());
}
