/**
 * `distprint watchh`: a misspelled command is no path to fingerprint.
 * @module
 */

import type { Command } from 'commander';
import { lstatOrNothing } from '../disk/stat.ts';
import { DistprintError } from '../errors.ts';

/** Two letters are a slip; more is another word. */
const MAX_DISTANCE = 2;

/**
 * Throws if `word` is no command, nothing lies at that path, and a command is spelled much like it.
 * @throws ERR_DISTPRINT_OPTION
 */
export function refuseMisspelling(word: string, program: Command): void {
  const commands = [...program.commands.map((command) => command.name()), 'help'];
  if (!/^[a-z]+$/i.test(word) || commands.includes(word) || lstatOrNothing(word) !== undefined) return;
  const meant = word === 'version' ? '--version' : findNearest(word, commands);
  if (meant === undefined) return;
  throw new DistprintError(
    'ERR_DISTPRINT_OPTION',
    `${word} is neither a command nor a path; did you mean: distprint ${meant}`,
  );
}

function findNearest(word: string, commands: readonly string[]): string | undefined {
  const [nearest] = commands
    .map((command) => ({ command, distance: editDistance(word, command) }))
    .filter(({ command, distance }) => distance <= MAX_DISTANCE && distance * 2 < command.length)
    .sort((a, b) => a.distance - b.distance);
  return nearest?.command;
}

/** Levenshtein's: how many letters to insert, delete or replace. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const above = row;
    row = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (above[j - 1] as number) + (from[i - 1] === to[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, (above[j] as number) + 1, (row[j - 1] as number) + 1));
    }
  }
  return row[to.length] as number;
}
