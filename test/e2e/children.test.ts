/** After exec under Bun: the children that the process had are waited for, and those of the new code are still its own. */

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import { readStat } from '../../src/platform/proc.ts';
import { readRunnerStatus } from '../../src/runner/index.ts';
import { needs } from '../helpers/needs.ts';
import { plainEnv, repository } from '../helpers/run.ts';
import { makeTemp, writeTree } from '../helpers/temp.ts';
import { until } from '../helpers/wait.ts';
import { fetchBun } from './tools.ts';

const bun = fetchBun();

const MAIN = `
import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
// A host imports it from 'distprint/runner'.
import { claimRunner } from ${JSON.stringify(pathToFileURL(join(repository, 'src/runner/index.ts')).href)};
import { release } from './release.js';

const [stateFile, journal] = process.argv.slice(2);
const note = (what) => appendFileSync(journal, JSON.stringify({ release, ...what }) + '\\n');
const runner = await claimRunner({ stateFile, strategy: 'exec', intervalMs: 30, settleMs: 100 });
await runner.ready();
const child = spawn('sleep', release === 1 ? ['600'] : ['0.1'], { stdio: 'ignore' });
child.on('exit', (status) => note({ status }));
note({ child: child.pid });
setInterval(() => {}, 1000);
`;

interface Note {
  readonly release: number;
  readonly child?: number;
  readonly status?: number;
}

needs('Bun', bun !== undefined)('no child is a zombie, and a new one ends as always', async () => {
  const root = makeTemp();
  const [stateFile, journal] = [join(root, 'state/runner.state.json'), join(root, 'journal')];
  const install = (release: number) => writeTree(root, { 'dist/release.js': `export const release = ${release};` });
  writeTree(root, { 'package.json': { name: 'host', type: 'module', bin: 'dist/main.js' }, 'dist/main.js': MAIN });
  install(1);
  const notes = (): Note[] => {
    const lines = existsSync(journal) ? readFileSync(journal, 'utf8').split('\n') : [];
    return lines.filter(Boolean).map((line) => JSON.parse(line));
  };
  const noteOf = (release: number, field: 'child' | 'status') =>
    until(`${field} of release ${release}`, () =>
      notes().find((note) => note.release === release && note[field] !== undefined),
    );

  spawn(bun as string, [join(root, 'dist/main.js'), stateFile, journal], {
    stdio: 'ignore',
    detached: true,
    env: plainEnv,
  });
  onTestFinished(() => {
    const { isRunning, holder } = readRunnerStatus({ stateFile });
    if (isRunning) process.kill(holder?.process.pid as number, 'SIGKILL');
  });
  const { child } = await noteOf(1, 'child');
  onTestFinished(() => {
    if (readStat(child as number) !== undefined) process.kill(child as number, 'SIGKILL');
  });
  install(2);
  expect(await noteOf(2, 'status')).toEqual({ release: 2, status: 0 });
  expect(readStat(child as number)?.parent).toBe(readRunnerStatus({ stateFile }).holder?.process.pid);
  process.kill(child as number, 'SIGKILL');
  await until('the child to be waited for', () => (readStat(child as number) === undefined ? true : undefined));
});
