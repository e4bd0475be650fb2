/**
 * Runs module sources in a Node of their own (`node --input-type=module`).
 * The sources are plain JavaScript in strings: a loader such as `tsx` would be measured too.
 */

import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const toArgs = (source: string) => ['--input-type=module', '--eval', source];
const env = { ...process.env, NODE_OPTIONS: '' };

/** Runs a module's source in a fresh Node and parses the last line that it prints. */
export function runChild<T>(source: string, flags: readonly string[] = []): T {
  const args = [...flags, ...toArgs(source)];
  const { status, stdout, stderr, error } = spawnSync(process.execPath, args, { encoding: 'utf8', env });
  if (status !== 0) throw new Error(`a measured process failed (exit ${status}): ${error?.message ?? stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as T;
}

/** What stands behind `import { … } from` in a child's source. */
export function toImport(dist: string, module: string): string {
  return JSON.stringify(pathToFileURL(join(dist, module)).href);
}

/**
 * Starts a Node that stays until this process ends. It answers each question with the function `answer` (sync or async) of the source.
 * One question at a time.
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
  child.stdin.on('error', () => {}); // if the child died, its answers end too: see below
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async (question) => {
    child.stdin.write(`${JSON.stringify(question)}\n`);
    const { value, done } = await answers.next();
    if (done) throw new Error('a process that measures for the bench died: see its error above');
    return JSON.parse(value) as Answer;
  };
}
