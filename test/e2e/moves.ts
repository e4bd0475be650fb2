/** What `distprint run` is for, step by step, whatever builds and whatever runs. */

import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { expect } from 'vitest';
import { sleep, until } from '../helpers/wait.ts';
import type { startWrapper } from '../helpers/wrapper.ts';

export type Running = ReturnType<typeof startWrapper>;

export interface Moves {
  /** Changes times alone. */
  readonly touch: () => unknown;
  /** Writes the same bytes again. */
  readonly same: () => unknown;
  /** Writes other bytes. */
  readonly other: () => unknown;
  /** Says which version answers, and of which process where it tells. */
  readonly ask: () => Promise<string>;
}

/** How long nothing must happen to count as nothing: many times the settle time of a project's own build. */
const QUIET_MS = 2_500;

/**
 * Touched or rebuilt to the same bytes, the same process runs; rebuilt to other bytes, another one does, after exactly one restart, with
 * the very same words.
 * @param run with `--verbose`
 * @returns the PIDs of both
 */
export async function expectMoves(run: Running, { touch, same, other, ask }: Moves): Promise<number[]> {
  const { pid: first } = await run.event('started');
  await until('the first answer', async () => ((await ask()).startsWith('one') ? true : undefined), 50, 60_000);
  const words = readWords(first);
  await run.loaded();
  for (const act of [touch, same]) {
    await act();
    await sleep(QUIET_MS);
    expect(starts(run)).toEqual(['started']);
    expect(await ask()).toMatch(/^one/);
  }
  await other();
  const { pid: second, why } = await run.event('restarted');
  expect(why).toBe('content');
  await until('the other answer', async () => ((await ask()).startsWith('two') ? true : undefined), 50, 60_000);
  await sleep(QUIET_MS);
  expect(starts(run)).toEqual(['started', 'restarted']);
  expect(second).not.toBe(first);
  expect(readWords(second)).toEqual(words);
  return [first as number, second as number];
}

/** All that was told, but that the first build was waited for. */
const starts = (run: Running): string[] =>
  run
    .events()
    .map(({ event }) => event)
    .filter((event) => event !== 'waiting');

const readWords = (pid: number | undefined): string[] =>
  readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);

/** The body of the answer, or the code of the error. */
export const ask = (where: object): Promise<string> =>
  new Promise((resolve) => {
    get({ host: '127.0.0.1', ...where, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text) => (body += text)).on('end', () => resolve(body));
      response.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    }).on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });

/** Where npm puts the command line of an installed distprint. */
export const cliIn = (installed: string): string => join(installed, 'node_modules/distprint/dist/cli/main.js');
