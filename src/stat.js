/**
 * Looks at a path without making a fuss.
 * @module
 */
import { lstatSync, statSync } from 'node:fs';

const OPTIONS = { throwIfNoEntry: false };
/** What the path leads to; undefined where that is nothing, or can't be examined (a loop of links, no permission). */
export function statOrNothing(at) {
  try {
    return statSync(at, OPTIONS);
  } catch {
    return undefined;
  }
}
/** What lies at the path itself, a link perhaps; undefined likewise. */
export function lstatOrNothing(at) {
  try {
    return lstatSync(at, OPTIONS);
  } catch {
    return undefined;
  }
}
