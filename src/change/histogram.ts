/**
 * Counts of values by size, as plain data.
 * @module
 */

export interface Histogram {
  /** Upper bounds, in order. Above the last one there is one count more. */
  readonly bounds: readonly number[];
  /** How many values are at most this bound, and above the bound before. */
  readonly counts: readonly number[];
  readonly sum: number;
}

export const createHistogram = (bounds: readonly number[]): Histogram => ({
  bounds,
  counts: [...bounds, Infinity].map(() => 0),
  sum: 0,
});

export function observe({ bounds, counts, sum }: Histogram, value: number): Histogram {
  const above = bounds.findIndex((bound) => value <= bound);
  const place = above === -1 ? bounds.length : above;
  return { bounds, counts: counts.map((count, i) => (i === place ? count + 1 : count)), sum: sum + value };
}
