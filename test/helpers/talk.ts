import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { Command } from './loop-child.ts';
import { nodeCommand, type RunOptions } from './run.ts';

export const loopChild: string = new URL('./loop-child.ts', import.meta.url).href;

/** Writes a program that does as it is told, as the entry script of a package. */
export function writeProgram(path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `import ${JSON.stringify(loopChild)};\n`);
}

export interface Answer {
  verdict?: string;
  fingerprint?: string | null;
  reason?: string;
  filesRead?: number;
  directoriesRead?: number;
  notes?: string[];
  token?: number;
  threw?: string;
}

/** Starts a real process that does as it is told until the test is over. */
export async function talk(command: readonly string[], options: RunOptions = {}) {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'], ...options });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const hear = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${command.join(' ')} ended without an answer`);
    return JSON.parse(value) as Answer;
  };
  await hear(); // ready
  return {
    async ask(command: Command): Promise<Answer> {
      child.stdin.write(`${JSON.stringify(command)}\n`);
      return hear();
    },
    async end(): Promise<void> {
      child.stdin.end();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

/** The loop itself, which is no part of what it looks at. */
export const talkToLoop = (options: RunOptions = {}, launcher: readonly string[] = []) =>
  talk([...launcher, ...nodeCommand, fileURLToPath(loopChild)], options);
