/**
 * A mark in the environment tells which processes belong to a command: whoever it starts inherits the mark, whatever group, session or
 * parent it then takes.
 * @module
 */

import { randomHex } from '../../disk/random-name.ts';

export interface Mark {
  /** How the entry of the environment begins. Nobody else has one. */
  readonly mark: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Begins all marks of this wrapper: what has it, or more of it, belongs to one of its commands. */
export const createRunMark = (): string => `DISTPRINT_RUN_${randomHex(8)}_`;

let starts = 0;

/** A mark for one start, so that the old tree and the new one can be told apart. */
export function markEnv(runMark: string): Mark {
  const name = `${runMark}${++starts}`;
  return { mark: `${name}=`, env: { [name]: '1' } };
}
