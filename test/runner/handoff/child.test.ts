import { expect, it } from 'vitest';
import { built, startProgram } from '../../helpers/built.ts';

/** Is its own new code: a child leaves at once. */
const START = (part: 'rehearsal' | 'replacement') => `
import { readFileSync } from 'node:fs';
if (process.env.DISTPRINT_HANDOFF !== undefined) process.exit(1);
const { startChild } = await import(${JSON.stringify(built('runner/handoff/child.js'))});
const from = { pid: process.pid, started: '' };
const handoff = { part: '${part}', from, generation: 1, sockets: [], grantMs: 1_000, proveMs: 1_000 };
const child = await startChild(handoff, [], new AbortController().signal);
`;

it('when a rehearsal has ended, no child is left: what ends after exec would be a zombie', async () => {
  const program = startProgram(`${START('rehearsal')}
const ended = await child.ended(10_000);
const children = readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8').trim();
console.log(JSON.stringify({ ended, children }));`);
  expect(await program.hear()).toEqual({ ended: true, children: '' });
});

it('when a replacement has ended before it is proven, its predecessor knows at once: the port is silent until then', async () => {
  const program = startProgram(`${START('replacement')}
let failure;
child.hear('alive', 10_000).catch(({ message }) => { failure = message; });
await child.ended(10_000);
await new Promise(setImmediate);
console.log(JSON.stringify({ failure }));`);
  expect(await program.hear()).toEqual({ failure: 'it ended with exit status 1' });
});
