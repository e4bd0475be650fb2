import { expect, it } from 'vitest';
import { built, startProgram } from '../../helpers/built.ts';

/** It is its own new code: a child leaves at once. Then it says who its children are. */
const REHEARSES = `
import { readFileSync } from 'node:fs';
if (process.env.DISTPRINT_HANDOFF !== undefined) process.exit(0);
const { startChild } = await import(${JSON.stringify(built('runner/handoff/child.js'))});
const from = { pid: process.pid, started: '' };
const handoff = { part: 'rehearsal', from, generation: 1, sockets: [], grantMs: 1_000, proveMs: 1_000 };
const child = await startChild(handoff, [], new AbortController().signal);
const ended = await child.ended(10_000);
const children = readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8').trim();
console.log(JSON.stringify({ ended, children }));
`;

it('when a rehearsal has ended, no child is left: what ends after exec would be a zombie', async () => {
  expect(await startProgram(REHEARSES).hear()).toEqual({ ended: true, children: '' });
});
