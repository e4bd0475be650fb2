/**
 * Makes measured beats slower on purpose: `DISTPRINT_BENCH_SLOWDOWN=1.3` spins after each for 30 % of the time it took.
 * That `--check` then fails is what shows that it would notice a real one.
 */

const FACTOR = Number(process.env.DISTPRINT_BENCH_SLOWDOWN ?? 1);
if (!(FACTOR >= 1)) throw new Error('DISTPRINT_BENCH_SLOWDOWN: a factor of 1 or more expected, 1.3 say');

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
