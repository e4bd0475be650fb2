import { expect, it } from 'vitest';
import { built, startProgram } from '../../helpers/built.ts';
import { startRunner } from '../../helpers/runner.ts';
import { writeTree } from '../../helpers/temp.ts';
import { until } from '../../helpers/wait.ts';

/** Is its own new code: a child leaves at once. */
const START = (part: 'rehearsal' | 'replacement') => `
import { spawnSync } from 'node:child_process';
if (process.env.DISTPRINT_HANDOFF !== undefined) process.exit(1);
const { startChild } = await import(${JSON.stringify(built('runner/handoff/child.js'))});
const from = { pid: process.pid, started: '' };
const handoff = { part: '${part}', from, generation: 1, sockets: [], grantMs: 1_000, proveMs: 1_000 };
const child = await startChild(handoff, [], new AbortController().signal);
`;

it('when a rehearsal has ended, no child is left: what ends after exec would be a zombie', async () => {
  const program = startProgram(`${START('rehearsal')}
const ended = await child.ended(10_000);
const { pid, stdout } = spawnSync('ps', ['-A', '-o', 'ppid=,pid='], { encoding: 'utf8' });
const all = stdout.split('\\n').map((line) => line.trim().split(/ +/).map(Number));
const children = all.filter(([parent, child]) => parent === process.pid && child !== pid);
console.log(JSON.stringify({ ended, children, isShown: all.some(([, each]) => each === pid) }));`);
  expect(await program.hear()).toEqual({ ended: true, children: [], isShown: true });
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

it('a rehearsal that is killed, as macOS does where a signature is broken, is told so, and the old process stays', async () => {
  const runner = await startRunner({ strategy: 'respawn' });
  writeTree(runner.root, {
    'package.json': { name: 'daemon', version: '2.0.0', type: 'module', bin: 'dist/main.js' },
    'dist/release.js': "process.kill(process.pid, 'SIGKILL');\nexport default '2.0.0';\n",
  });
  const failure = await until('the failure', () => runner.logs().find((line) => /hand-off to .* failed/.test(line)));
  expect(failure).toMatch(/^hand-off to 2\.0\.0 \(\S+\) failed, staying on 1\.0\.0: it was ended by SIGKILL$/);
  await runner.beats(2);
  expect(runner.state()).toMatchObject({
    pid: runner.pid,
    distprint: { tried: { reason: 'it was ended by SIGKILL' } },
  });
});
