/**
 * The script for fish.
 * @module
 */

import type { CommandSyntax, OptionSyntax, Syntax, Takes } from './syntax.ts';

/** Before any command. */
const FIRST = 'first';

export function toFishCompletion({ commands, fallback, firstOptions }: Syntax): string {
  const first: CommandSyntax = { ...fallback, name: FIRST, options: firstOptions };
  return `# distprint completion fish
# Whether one of these commands is being typed.
function __distprint_on
    set -l words (commandline -opc)
    set -l command ${FIRST}
    if set -q words[2]
        set command ${fallback.name}
        contains -- $words[2] ${commands.map(({ name }) => name).join(' ')}
        and set command $words[2]
    end
    contains -- $command $argv
end

function __distprint_on_run
    __distprint_on run
    and not contains -- -- (commandline -opc)
end

function __distprint_behind_dashes
    __distprint_on run
    and contains -- -- (commandline -opc)
end

# The command behind --, as its own completion has it.
function __distprint_command
    set -l words (commandline -opc)
    set -e words[1..(contains -i -- -- $words)]
    complete -C (string join ' ' -- (string escape -- $words) (commandline -ct))
end

complete -c distprint -f
${commands.map(({ name, description }) => `complete -c distprint -n '__distprint_on ${FIRST}' -a ${name} -d ${quote(description)}`).join('\n')}
${[first, ...commands].flatMap(toLines).join('\n')}
complete -c distprint -n __distprint_behind_dashes -x -a '(__distprint_command)'
`;
}

function toLines({ name, options, takes }: CommandSyntax): string[] {
  const on = `complete -c distprint -n ${takes === 'command' ? '__distprint_on_run' : `'__distprint_on ${name}'`}`;
  return [...options.map((option) => `${on} ${toOption(option)}`), ...toArguments(takes).map((end) => `${on} ${end}`)];
}

function toOption({ long, short, description, takes }: OptionSyntax): string {
  const flags = `${short === undefined ? '' : `-s ${short.slice(1)} `}-l ${long.slice(2)}`;
  return `${flags} ${toValue(takes)}-d ${quote(description)}`;
}

/** -r: a value has to come; -F: a path; -x: no path. */
function toValue(takes: Takes): string {
  if (takes === 'nothing') return '';
  if (takes === 'path') return '-r -F ';
  return typeof takes === 'string' ? '-x ' : `-x -a '${takes.join(' ')}' `;
}

function toArguments(takes: Takes): string[] {
  if (takes === 'path') return ['-F'];
  if (takes === 'command') return ['-a --'];
  return typeof takes === 'string' ? [] : [`-a '${takes.join(' ')}'`];
}

const quote = (text: string) => `'${text.replace(/['\\]/g, '\\$&')}'`;
