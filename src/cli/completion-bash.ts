/**
 * The script for bash, from 3.2 (macOS) on. bash itself completes paths, with its quotes and tildes: where the script gives no word.
 * @module
 */

import type { CommandSyntax, OptionSyntax, Syntax, Takes } from './syntax.ts';

export function toBashCompletion({ commands, fallback, firstOptions }: Syntax): string {
  const names = commands.map(({ name }) => name);
  return `# distprint completion bash
_distprint() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} command=${fallback.name} at
  COMPREPLY=()
  # bash takes --option=value for three words.
  if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  if ((COMP_CWORD == 1)); then
    if [[ $cur == -* ]]; then __distprint_offer '${toWords(firstOptions)}'; return; fi
    __distprint_offer '${names.join(' ')}'
    __distprint_add_paths
    return
  fi
  case \${COMP_WORDS[1]} in ${names.join(' | ')}) command=\${COMP_WORDS[1]} ;; esac
  for ((at = 1; at < COMP_CWORD; at++)); do [[ \${COMP_WORDS[at]} != -- ]] || break; done
  if ((at < COMP_CWORD)); then
    [[ $command != run ]] || __distprint_command $((at + 1))
    return
  fi
  case "$command $prev" in
${toValueCases(commands).join('\n')}
  esac
  case $command in
${commands.map(toCommandCase).join('\n')}
  esac
}

# The words that begin as what is typed does, and nothing else.
__distprint_offer() {
  local word
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$1" -- "$cur")
  compopt +o default 2>/dev/null
}

# Beside words that begin alike; on their own, bash does it better.
__distprint_add_paths() {
  local path
  if [[ \${#COMPREPLY[@]} -eq 0 ]]; then compopt -o default 2>/dev/null; return; fi
  while IFS= read -r path; do COMPREPLY+=("$path"); done < <(compgen -f -- "$cur")
  compopt -o filenames 2>/dev/null
}

# The command behind --, as its own completion has it. bash-completion knows how to ask, if it is there.
__distprint_command() {
  local word
  if declare -F _comp_command_offset >/dev/null; then
    _comp_command_offset "$1"
  elif declare -F _command_offset >/dev/null; then
    _command_offset "$1"
  elif ((COMP_CWORD == $1)); then
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -c -- "$cur")
  fi
}

complete -o default -F _distprint distprint
`;
}

const toWords = (options: readonly OptionSyntax[]) => options.flatMap(flagsOf).join(' ');

const flagsOf = ({ long, short }: OptionSyntax) => (short === undefined ? [long] : [short, long]);

/** What comes behind an option that takes a value. */
function toValueCases(commands: readonly CommandSyntax[]): string[] {
  const byAct = new Map<string, string[]>();
  for (const { name, options } of commands) {
    for (const option of options.filter(({ takes }) => takes !== 'nothing')) {
      const act = toAct(option.takes);
      const places = flagsOf(option).map((flag) => `'${name} ${flag}'`);
      byAct.set(act, [...(byAct.get(act) ?? []), ...places]);
    }
  }
  return [...byAct].map(([act, places]) => `    ${places.join(' | ')}) ${act}return ;;`);
}

/** What comes where no option waits for its value. */
function toCommandCase({ name, options, takes }: CommandSyntax): string {
  const offer = `__distprint_offer '${toWords(options)}${takes === 'command' ? ' --' : ''}'`;
  if (takes === 'nothing' || takes === 'command') return `    ${name}) ${offer} ;;`;
  const otherwise = toAct(takes);
  return `    ${name}) if [[ $cur == -* ]]; then ${offer}; ${otherwise === '' ? '' : `else ${otherwise}`}fi ;;`;
}

/** A path is completed where nothing is done. */
function toAct(takes: Takes): string {
  if (takes === 'path') return '';
  return `__distprint_offer '${typeof takes === 'string' ? '' : takes.join(' ')}'; `;
}
