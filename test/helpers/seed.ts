const given = Number(process.env.DISTPRINT_SEED);

/** What random tests draw from: the seed that was given, else another one each time. */
export const firstSeed: number = Number.isInteger(given) && given > 0 ? given : Math.floor(Math.random() * 2 ** 30) + 1;

/** Prints the seeds of a test, `count` of them, and how to have them again. */
export function printSeeds(what: string, count: number): void {
  process.stderr.write(
    `${what}: seeds ${firstSeed} to ${firstSeed + count - 1}; DISTPRINT_SEED=${firstSeed} draws the same again\n`,
  );
}

/** Mulberry32: the same seed, the same numbers. */
export function random(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
