/**
 * Calls what the host gave us to call.
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises';

const HOST_WAIT_MS = 5_000;

/** A host that throws or hangs there keeps nobody from going on: undefined, then, and `log` is told. */
export async function callHost<T>(
  name: string,
  call: () => T | Promise<T>,
  log: (line: string) => void,
): Promise<T | undefined> {
  const late = Symbol(name);
  try {
    const answer = await Promise.race([call(), delay(HOST_WAIT_MS, late, { ref: false })]);
    if (answer !== late) return answer as T;
    log(`${name} took longer than ${HOST_WAIT_MS} ms`);
  } catch (error) {
    log(`${name} threw ${String(error)}`);
  }
  return undefined;
}
