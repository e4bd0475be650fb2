/**
 * `distprint completion`: a script for a shell, in which all words stand. So a key press starts no process of ours.
 *
 * Libraries for it (@bomb.sh/tab, tabtab, omelette) start the program anew at each key press: 100 ms and more on a busy machine. And
 * none hands the words behind `--` to the completion of the command that they are.
 * @module
 */

import type { Command } from 'commander';
import { toBashCompletion } from './completion-bash.ts';
import { toFishCompletion } from './completion-fish.ts';
import { toZshCompletion } from './completion-zsh.ts';
import { readSyntax, type Syntax } from './syntax.ts';

const SHELLS: Record<string, (syntax: Syntax) => string> = {
  bash: toBashCompletion,
  fish: toFishCompletion,
  zsh: toZshCompletion,
};

/** @param shell one that `distprint completion` takes */
export function completion(shell: string, program: Command, fallback: string): void {
  const toScript = SHELLS[shell] as (syntax: Syntax) => string;
  process.stdout.write(toScript(readSyntax(program, fallback)));
}
