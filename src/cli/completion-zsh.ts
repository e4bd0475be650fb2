/**
 * The script for zsh: to be sourced, or a file `_distprint` in a folder of `$fpath`.
 * @module
 */

import { quoteForShell } from '../platform/shell.ts';
import type { CommandSyntax, OptionSyntax, Syntax, Takes } from './syntax.ts';

export function toZshCompletion({ commands, fallback, firstOptions }: Syntax): string {
  const first: CommandSyntax = { ...fallback, options: firstOptions };
  return `#compdef distprint
# distprint completion zsh
_distprint() {
  local -a known=(
${commands.map(({ name, description }) => `    ${quoteForShell(`${name}:${description}`)}`).join('\n')}
  )
  local -i dashes=\${words[(ie)--]} ret=1
  # The command behind --, as its own completion has it.
  if [[ $words[2] == run ]] && ((dashes < CURRENT)); then
    shift $dashes words
    ((CURRENT -= dashes))
    _normal
    return
  fi
  if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then
    _describe -t commands command known && ret=0
    _files && ret=0
    return ret
  fi
  local command=$words[2]
  if ((CURRENT > 2)) && ((\${known[(I)\${(b)command}:*]})); then
    shift words
    ((CURRENT--))
  else
    command=
  fi
  case $command in
${[{ ...first, name: "''" }, ...commands].map(toCase).join('\n')}
  esac
}

if [[ $funcstack[1] == _distprint ]]; then _distprint "$@"; else compdef _distprint distprint; fi
`;
}

const toCase = ({ name, options, takes }: CommandSyntax) => `    ${name})
      _arguments -s -S \\
${[...options.flatMap(toSpecs), ...toArgumentSpecs(takes)].map((spec) => `        ${quoteForShell(spec)}`).join(' \\\n')}
      ;;`;

/** In the language of _arguments (zshcompsys(1)). */
function toSpecs(option: OptionSyntax): string[] {
  const { long, short, description, takes, valueName, isRepeatable } = option;
  const hasValue = takes !== 'nothing';
  const rest = `[${description.replace(/[[\]\\]/g, '\\$&')}]${hasValue ? `:${valueName}:${toAction(takes)}` : ''}`;
  const before = isRepeatable ? '*' : short === undefined ? '' : `(${short} ${long})`;
  return [
    ...(short === undefined ? [] : [`${before}${short}${hasValue ? '+' : ''}${rest}`]),
    `${before}${long}${hasValue ? '=' : ''}${rest}`,
  ];
}

function toArgumentSpecs(takes: Takes): string[] {
  if (takes === 'nothing') return [];
  if (takes === 'command') return ['*:command:(--)'];
  return [`*:${takes === 'path' ? 'path' : 'word'}:${toAction(takes)}`];
}

/** A space: nothing can be completed. */
function toAction(takes: Takes): string {
  if (takes === 'path') return '_files';
  return typeof takes === 'string' ? ' ' : `(${takes.join(' ')})`;
}
