/**
 * A Node of its own that answers questions.
 * Its source is plain JavaScript in a string: a loader such as `tsx` would be measured too.
 */

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { moduleEnv, toModuleArgs } from '../../src/cli/bench/child.ts';

/** What stands behind `import { … } from` in a child's source. */
export function toImport(dist: string, module: string): string {
  return JSON.stringify(pathToFileURL(join(dist, module)).href);
}

/**
 * Starts a Node that stays until this process ends. It answers each question with the function `answer` (sync or async) of the source.
 * One question at a time.
 */
export function startChild<Question, Answer>(source: string): (question: Question) => Promise<Answer> {
  const args = toModuleArgs(`
    import { createInterface as createQuestions } from 'node:readline';
    ${source}
    for await (const line of createQuestions({ input: process.stdin })) {
      console.log(JSON.stringify(await answer(JSON.parse(line))));
    }`);
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'], env: moduleEnv() });
  process.once('exit', () => child.kill('SIGKILL'));
  child.stdin.on('error', () => {}); // if the child died, its answers end too: see below
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async (question) => {
    child.stdin.write(`${JSON.stringify(question)}\n`);
    const { value, done } = await answers.next();
    if (done) throw new Error('a process that measures for the bench died: see its error above');
    return JSON.parse(value) as Answer;
  };
}
