import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';
import { nodeCommand, plainEnv, type Ran, type RunOptions, run } from './run.ts';

const built = inject('builtCli');

/** What starts the command line: compiled where that was done (build-cli.ts), else as its sources are. */
export const distprintCommand: readonly string[] =
  built === undefined
    ? [...nodeCommand, fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))]
    : [process.execPath, built];

export const distprint = (args: readonly string[], options: RunOptions = {}): Promise<Ran> =>
  run([...distprintCommand, ...args], { ...options, env: { ...plainEnv, ...options.env } });
