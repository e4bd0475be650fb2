import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isWindows } from './needs.ts';

export interface Ran {
  /** Null where it had to be killed: it hung. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  input?: string | Uint8Array;
  uid?: number;
  gid?: number;
  /** Kills it after so long; a hang is then a failed test and no stuck run. */
  timeout?: number;
}

/** Runs a real process to its end, whatever its exit code. */
export function run(command: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { input, ...rest } = options;
  const [file = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { timeout: 15_000, killSignal: 'SIGKILL', ...rest });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (bytes: Buffer) => stdout.push(bytes));
    child.stderr.on('data', (bytes: Buffer) => stderr.push(bytes));
    child.stdin.on('error', () => {}); // it may end before it has read all input
    child.stdin.end(input);
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }),
    );
  });
}

export const repository = fileURLToPath(new URL('../../', import.meta.url));

/** What starts Node so that it can run TypeScript, from any working directory. From 22.18 on, Node itself can, and starts faster. */
export const nodeCommand: readonly string[] =
  'typescript' in process.features && process.features.typescript
    ? [process.execPath, '--disable-warning=ExperimentalWarning']
    : [process.execPath, '--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href];

/** The environment without what whoever runs the tests has set: colours, and npm's own variables. */
export const plainEnv: NodeJS.ProcessEnv = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^(?:npm_.*|NO_COLOR|FORCE_COLOR|CI|NODE_OPTIONS)$/i.test(name) && !(isWindows && /^path$/i.test(name)),
    ),
  ),
  // On Windows the name is mostly `Path`, and Wine has no node.exe there.
  ...(isWindows && { PATH: `${dirname(process.execPath)};${process.env.PATH}` }),
};
