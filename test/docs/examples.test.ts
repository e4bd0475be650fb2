import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { compile } from './helpers/compile.ts';
import { repository } from './helpers/run.ts';
import { makeSharedTemp } from './helpers/tree.ts';

/** What the examples leave to their reader. */
const READERS_OWN = `
declare const packageDirectory: string;
declare const log: { info(...things: unknown[]): void };
declare const jobs: Map<string, unknown>;
declare const scheduler: { start(): void; stop(): void };
declare const answer: import('node:http').RequestListener;
`;

const readme = readFileSync(join(repository, 'README.md'), 'utf8');
const examples = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code = ''], i) => ({
  name: `example${i}.ts`,
  code,
}));
const temp = makeSharedTemp();
let errors: Map<string, string[]>;

beforeAll(async () => {
  errors = await compile(temp, Object.fromEntries(examples.map(({ name, code }) => [name, code + READERS_OWN])));
}, 60_000);

describe('the examples of the README', () => {
  it('are there for the detector, the runner and the drop-in', () => {
    expect(examples.map(({ code }) => /from '(distprint[^']*)'/.exec(code)?.[1]).sort()).toEqual([
      'distprint',
      'distprint/drop-in',
      'distprint/runner',
    ]);
  });

  it.each(examples)('compile: $name', ({ name }) => {
    expect(errors.get(name)).toEqual([]);
  });

  it('show the whole integration of a runner in at most 20 lines', () => {
    const runner = examples.find(({ code }) => code.includes('distprint/runner'));
    expect(runner?.code.trim().split('\n').length).toBeLessThanOrEqual(20);
  });
});
