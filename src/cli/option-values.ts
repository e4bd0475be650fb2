/**
 * The values of options, as people type them.
 * @module
 */

import { constants } from 'node:os';
import ms from 'ms';
import { MAX_TIMER_MS } from '../change/repeat.ts';
import { DistprintError } from '../errors.ts';

/**
 * Milliseconds of `10s`, `500ms` or `2m`. A bare number is seconds, as in sleep(1).
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

/**
 * A fraction, of `1%` or `0.5%`.
 * @throws ERR_DISTPRINT_OPTION
 */
export function parseShare(option: string, text: string): number {
  const value = /^\d+(\.\d+)?%$/.test(text) ? Number(text.slice(0, -1)) / 100 : Number.NaN;
  if (value > 0 && value <= 100) return value;
  throw new DistprintError('ERR_DISTPRINT_OPTION', `${option}: not a share: ${JSON.stringify(text)}; write 1% or 0.5%`);
}

/** @throws ERR_DISTPRINT_OPTION */
export function parseCount(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new DistprintError('ERR_DISTPRINT_OPTION', `${option}: not a whole number above 0: ${JSON.stringify(text)}`);
}

/**
 * `SIGTERM` of `term`; `message` stays as it is.
 * @throws ERR_DISTPRINT_OPTION
 */
export function parseSignal(text: string): string {
  if (text === 'message') return text;
  const name = text.toUpperCase().replace(/^(?!SIG)/, 'SIG');
  if (name in constants.signals) return name;
  throw new DistprintError('ERR_DISTPRINT_OPTION', `--stop-signal: no signal, nor message: ${JSON.stringify(text)}`);
}

/** Of an option that may be given more than once. */
export const collect = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];
