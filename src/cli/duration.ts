/**
 * Durations as people type them: `10s`, `500ms`, `2m`.
 * @module
 */

import ms from 'ms';
import { MAX_TIMER_MS } from '../change/repeat.ts';
import { DistprintError } from '../errors.ts';

/**
 * Milliseconds of `text`. A bare number is seconds, as in sleep(1).
 * @throws ERR_DISTPRINT_OPTION if it is not a duration from 1 ms to 24.8 days
 */
export function parseDuration(text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text)
    ? Number(text) * 1000
    : /^\d/.test(text)
      ? ms(text as ms.StringValue)
      : undefined;
  if (value === undefined || !(value >= 1) || value > MAX_TIMER_MS) {
    throw new DistprintError(
      'ERR_DISTPRINT_OPTION',
      `not a duration: ${JSON.stringify(text)}; write 500ms, 10s or 2m, up to 24 days`,
    );
  }
  return value;
}
