import type { Step, Work } from '../../src/steps.ts';

/** Runs work to its end, with `between` having its turn after each of its steps, and `before` before each. */
export function drive<T>(
  work: Work<T>,
  between: (step: Step<unknown>, index: number) => void,
  before?: (step: Step<unknown>) => void,
): T {
  let turn = work.next();
  for (let index = 0; !turn.done; index++) {
    const step = turn.value;
    before?.(step);
    let value: unknown;
    try {
      value = step.sync();
    } catch (error) {
      turn = work.throw(error);
      continue;
    }
    between(step, index);
    turn = work.next(value);
  }
  return turn.value;
}
