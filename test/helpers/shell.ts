import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { plainEnv, run } from './run.ts';
import { makeTemp } from './temp.ts';
import { until } from './wait.ts';

export interface Shell {
  /** What it offers where the cursor stands at the end of this line, sorted; directories without their slash. */
  offers(line: string): Promise<string[]>;
}

export interface ShellPlace {
  /** The completion script, and whatever else is to be sourced before it. */
  readonly scripts: readonly string[];
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** A key that puts all that is offered into the line, and one that goes to its start. */
const KEYS = { insertAll: '\x18a', home: '\x18b' };

const SETUPS = {
  bash: {
    start: 'bash --norc --noprofile -i',
    before: 'PS1=; HISTFILE=; bind "set bell-style none"',
    after: `bind '"\\C-xa": insert-completions'; bind '"\\C-xb": beginning-of-line'`,
  },
  zsh: {
    start: 'zsh -f -i',
    before: 'PS1=; RPS1=; unset HISTFILE; autoload -Uz compinit; compinit -u -D',
    after:
      "zle -C all-matches complete-word _generic; zstyle ':completion:all-matches:*' completer _all_matches _complete; zstyle ':completion:all-matches:*' insert true; bindkey -e; bindkey '^Xa' all-matches; bindkey '^Xb' beginning-of-line",
  },
};

/** A real shell on a terminal of script(1): keys are pressed, and the line that comes of it is run. */
export async function startShell(name: keyof typeof SETUPS, { scripts, cwd, env = {} }: ShellPlace): Promise<Shell> {
  const { start, before, after } = SETUPS[name];
  // A line that is wider than the terminal would be drawn in parts.
  const child = spawn('script', ['-qec', `stty cols 2000; exec ${start}`, '/dev/null'], {
    cwd,
    env: { ...plainEnv, TERM: 'dumb', INPUTRC: '/dev/null', ...env },
  });
  onTestFinished(async () => {
    child.kill('SIGKILL'); // with its terminal, the shell ends
    await once(child, 'close');
  });
  let said = '';
  child.stdout.on('data', (bytes) => (said += bytes));
  child.stdin.on('error', () => {});
  let count = 0;
  const type = async (keys: string) => {
    count++;
    said = '';
    child.stdin.write(`${keys}; echo e''nd ${count}.\n`);
    await until(
      `${name} to do ${JSON.stringify(keys)}; there is ${said}`,
      () => said.includes(`end ${count}.`) || undefined,
    );
    return said;
  };
  await type([before, ...scripts.map((script) => `. '${script}'`), after].join('; '));
  return {
    async offers(line) {
      const shown = await type(`${line}${KEYS.insertAll}${KEYS.home}printf '<%s>' \x05`);
      const words = [...shown.slice(shown.lastIndexOf('<distprint>')).matchAll(/<([^<>]*)>/g)].map(
        ([, word = '']) => word,
      );
      const typed = line.split(' ');
      const offered = words.slice(typed.length - 1);
      return offered.length === 1 && offered[0] === typed.at(-1) ? [] : withoutSlashes(offered);
    },
  };
}

/** fish can be asked without a terminal. */
export function askFish({ scripts, cwd, env = {} }: ShellPlace): Shell {
  const home = makeTemp(); // without anybody's settings
  const sources = scripts.map((script) => `source '${script}'`).join('; ');
  return {
    async offers(line) {
      const command = ['fish', '-c', `${sources}; complete -C $argv[1]`, line];
      const { stdout } = await run(command, {
        cwd,
        env: { ...plainEnv, HOME: home, XDG_CONFIG_HOME: home, XDG_DATA_HOME: home, ...env },
      });
      return withoutSlashes(stdout.split('\n').flatMap((each) => (each === '' ? [] : [each.split('\t')[0] as string])));
    },
  };
}

const withoutSlashes = (words: readonly string[]) => words.map((word) => word.replace(/\/$/, '')).sort();
