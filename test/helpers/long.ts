export const isLong: boolean = process.env.DISTPRINT_LONG === '1';

/**
 * All of them with `DISTPRINT_LONG=1`; else those of the short form, which the gate runs. Stderr says what was left out.
 * @param isShort whether one is in the short form: each kind of them has to be there once
 */
export function inForm<T>(what: string, all: readonly T[], isShort: (one: T) => boolean): readonly T[] {
  if (isLong) return all;
  const few = all.filter(isShort);
  process.stderr.write(`short form: ${few.length} of ${all.length} ${what}; DISTPRINT_LONG=1 runs all\n`);
  return few;
}
