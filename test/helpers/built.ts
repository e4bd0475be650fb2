import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { inject, onTestFinished } from 'vitest';
import { plainEnv } from './run.ts';

/** The URL of a compiled module (build-cli.ts), by its path in `dist`: what starts fast is plain JavaScript. */
export const built = (path: string): string => pathToFileURL(join(dirname(inject('builtCli')), '..', path)).href;

export interface Program {
  readonly child: ChildProcess;
  readonly pid: number;
  /** The next line that it prints, which is JSON. */
  hear<T = unknown>(): Promise<T>;
  /** Writes a line to it, and hears the answer. */
  ask<T = unknown>(line?: string): Promise<T>;
  /** Sends a signal that ends it. Resolves when it has ended. */
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts a real process of this JavaScript; it is killed when the test is over. */
export function startProgram(source: string, args: readonly string[] = [], command = [process.execPath]): Program {
  const [file = '', ...words] = [...command, '--input-type=module', '-e', source, '--', ...args];
  const child = spawn(file, words, { stdio: ['pipe', 'pipe', 'inherit'], env: plainEnv });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const hear = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error('the program ended without an answer');
    return JSON.parse(value);
  };
  return {
    child,
    pid: child.pid as number,
    hear,
    ask(line = '') {
      child.stdin.write(`${line}\n`);
      return hear();
    },
    async kill(signal = 'SIGKILL') {
      child.kill(signal);
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}
