/**
 * The commands and options as plain data, read from the one description of them (program.ts).
 * @module
 */

import { constants } from 'node:os';
import type { Argument, Command, Option } from 'commander';

/** What may stand in a place. `command`: after `--`, a command with arguments of its own. A list: one of these words. */
export type Takes = 'nothing' | 'text' | 'path' | 'command' | readonly string[];

export interface OptionSyntax {
  readonly long: string;
  readonly short: string | undefined;
  readonly description: string;
  readonly takes: Takes;
  /** What the help calls its value. */
  readonly valueName: string;
  readonly isRepeatable: boolean;
}

export interface CommandSyntax {
  readonly name: string;
  readonly description: string;
  readonly options: readonly OptionSyntax[];
  /** Each of its arguments. */
  readonly takes: Takes;
}

export interface Syntax {
  readonly commands: readonly CommandSyntax[];
  /** The command that is meant where the first word is none. */
  readonly fallback: CommandSyntax;
  /** Those before any command: `--version`, and what the fallback has. */
  readonly firstOptions: readonly OptionSyntax[];
}

/** @param fallback the name of the command that is meant where the first word is none */
export function readSyntax(program: Command, fallback: string): Syntax {
  const visible = program.createHelp().visibleCommands(program);
  const names = visible.map((command) => command.name());
  const commands = visible.map((command) => ({
    name: command.name(),
    description: command.description(),
    options: optionsOf(command),
    takes: command.name() === 'help' ? names : takenByArguments(command.registeredArguments),
  }));
  const found = commands.find(({ name }) => name === fallback) as CommandSyntax;
  const own = optionsOf(program).filter(({ long }) => !found.options.some((option) => option.long === long));
  return { commands, fallback: found, firstOptions: [...found.options, ...own] };
}

const optionsOf = (command: Command): OptionSyntax[] =>
  command
    .createHelp()
    .visibleOptions(command)
    .map((option) => ({
      long: option.long as string,
      short: option.short,
      description: option.description,
      takes: takenByOption(option),
      valueName: nameOfValue(option),
      isRepeatable: option.description.includes('(repeatable)'),
    }));

const nameOfValue = ({ flags }: Option) => /<(.*)>/.exec(flags)?.[1] ?? '';

function takenByOption(option: Option): Takes {
  if (!option.required) return 'nothing';
  if (option.argChoices !== undefined) return option.argChoices;
  const name = nameOfValue(option);
  if (name === 'signal') return ['message', ...Object.keys(constants.signals)];
  return /\b(?:file|path)\b/.test(name) ? 'path' : 'text';
}

/** All arguments of a command are alike. */
function takenByArguments([first]: readonly Argument[]): Takes {
  if (first === undefined) return 'nothing';
  return first.argChoices ?? (first.name() === 'command' ? 'command' : 'path');
}
