/**
 * Calls what the host gave us to call.
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises';

/**
 * Calls it, and waits for its promise.
 * @param name how the error names it
 * @throws what the host threw, or that it took longer than `timeoutMs`; the message names the call
 */
export async function callHost<T>(name: string, call: () => T | Promise<T>, timeoutMs: number): Promise<T> {
  const late = Symbol(name);
  const timer = new AbortController();
  let answer: T | typeof late;
  try {
    answer = await Promise.race([call(), delay(timeoutMs, late, { ref: false, signal: timer.signal })]);
  } catch (error) {
    throw new Error(`${name} threw ${String(error)}`, { cause: error });
  } finally {
    timer.abort();
  }
  if (answer === late) throw new Error(`${name} took longer than ${timeoutMs} ms`);
  return answer as T;
}
