/**
 * Makes measured beats slower on purpose: after each, `DISTPRINT_BENCH_SLOWDOWN=1.3` spins for 30 % of the time it took.
 * `--check` must then fail, as it must if the product gets slower.
 */

const FACTOR = Number(process.env.DISTPRINT_BENCH_SLOWDOWN ?? 1);
if (!(FACTOR >= 1)) throw new Error('DISTPRINT_BENCH_SLOWDOWN must be a factor of 1 or more, such as 1.3');

export function slowed<T>(beat: () => T): () => T {
  if (FACTOR === 1) return beat;
  return () => {
    const started = performance.now();
    const answer = beat();
    if (!(answer instanceof Promise)) {
      spin(started);
      return answer;
    }
    return answer.finally(() => spin(started)) as T;
  };
}

function spin(started: number): void {
  const until = started + (performance.now() - started) * FACTOR;
  while (performance.now() < until);
}
