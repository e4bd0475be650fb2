/**
 * Things that must be measured in a process of their own, as module sources for `node --input-type=module`. Plain
 * JavaScript in strings, since no loader may stand between that process and what it measures.
 */

import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import type { Bench } from './context.ts';

const toArgs = (source: string) => ['--input-type=module', '--eval', source];
const env = { ...process.env, NODE_OPTIONS: '' };

/** Runs a module's source in a fresh Node and parses the last line that it prints. */
export function runChild<T>(source: string, flags: readonly string[] = []): T {
  const args = [...flags, ...toArgs(source)];
  const { status, stdout, stderr, error } = spawnSync(process.execPath, args, { encoding: 'utf8', env });
  if (status !== 0) throw new Error(`a measured process failed (exit ${status}): ${error?.message ?? stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as T;
}

/** `import { … } from` this, in a child's source. */
export function toImport(bench: Bench, module: string): string {
  return JSON.stringify(pathToFileURL(join(bench.dist, module)).href);
}

/**
 * A Node that stays: each question is answered by the function `answer`, sync or async, that the source defines. Not for two
 * questions at once. It ends with us.
 */
export function startChild<Question, Answer>(source: string): (question: Question) => Promise<Answer> {
  const args = toArgs(`
    import { createInterface as createQuestions } from 'node:readline';
    ${source}
    for await (const line of createQuestions({ input: process.stdin })) {
      console.log(JSON.stringify(await answer(JSON.parse(line))));
    }`);
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'], env });
  process.once('exit', () => child.kill('SIGKILL'));
  child.stdin.on('error', () => {}); // where it died, its answers end as well, and that is said below
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async (question) => {
    child.stdin.write(`${JSON.stringify(question)}\n`);
    const { value, done } = await answers.next();
    if (done) throw new Error('a process that measures for us died');
    return JSON.parse(value) as Answer;
  };
}
