/**
 * How figures are written for people.
 * @module
 */

/** Two significant digits. */
export const toShort = (value: number): string =>
  Number(value.toPrecision(2)).toLocaleString('en', { maximumFractionDigits: 6 });

/** `1.2 s`, `3.4 ms`, `560 µs`. */
export function toTime(ms: number): string {
  if (ms >= 1_000) return `${toShort(ms / 1_000)} s`;
  return ms < 1 ? `${toShort(ms * 1_000)} µs` : `${toShort(ms)} ms`;
}

/** `0.032 %` of a fraction. */
export const toPercent = (share: number): string => `${toShort(share * 100)} %`;

export const toCount = (count: number): string => count.toLocaleString('en');

/** `1 file`, `8,710 files`. */
export const toMany = (count: number, one: string, many = `${one}s`): string =>
  `${toCount(count)} ${count === 1 ? one : many}`;

/** `1.23`, as ratios are read. */
export const toRatio = (ratio: number): string => ratio.toFixed(2);
