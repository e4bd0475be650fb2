/** A host that stops "the runner that runs" before its claim: it must not stop the very runner that rehearses it. */

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readRunnerStatus } from '../../src/runner/index.ts';
import { built } from '../helpers/built.ts';
import { execNode, itWithExec } from '../helpers/exec.ts';
import { plainEnv } from '../helpers/run.ts';
import { makeTemp, writeTree } from '../helpers/temp.ts';
import { until } from '../helpers/wait.ts';

const MAIN = `
import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
// A host imports it from 'distprint/runner'.
import { claimRunner, launchedAs, readRunnerStatus } from ${JSON.stringify(built('runner/index.js'))};
import { release } from './release.js';

const [stateFile, strategy, journal] = process.argv.slice(2);
const note = (what) => appendFileSync(journal, JSON.stringify({ pid: process.pid, release, ...what }) + '\\n');
note({ launchedAs });
if (launchedAs === null) {
  const { isRunning, holder } = readRunnerStatus({ stateFile });
  if (isRunning) process.kill(holder.process.pid, 'SIGTERM');
  while (readRunnerStatus({ stateFile }).isRunning) await delay(10);
}
process.on('SIGTERM', () => {
  note({ ends: true });
  process.exit(1);
});
const runner = await claimRunner({ stateFile, strategy, intervalMs: 30, settleMs: 100, proveMs: 100, log: () => {} });
await runner.ready();
note({ generation: runner.generation });
setInterval(() => {}, 1000);
`;

interface Note {
  readonly pid: number;
  readonly release: number;
  readonly launchedAs?: string | null;
  readonly ends?: true;
  readonly generation?: number;
}

const WAYS = [
  { strategy: 'respawn', runtime: process.execPath, itHere: it },
  { strategy: 'exec', runtime: execNode, itHere: itWithExec },
] as const;

describe.each(WAYS)('by $strategy', ({ strategy, runtime, itHere }) => {
  itHere('is moved to new code; started by hand it still stops the runner that runs', async () => {
    const root = makeTemp();
    const [stateFile, journal] = [join(root, 'state/runner.state.json'), join(root, 'journal')];
    const install = (release: number) => writeTree(root, { 'dist/release.js': `export const release = ${release};` });
    writeTree(root, { 'package.json': { name: 'host', type: 'module', bin: 'dist/main.js' }, 'dist/main.js': MAIN });
    install(1);
    const notes = (): Note[] =>
      existsSync(journal)
        ? readFileSync(journal, 'utf8')
            .split('\n')
            .filter(Boolean)
            .map((line) => JSON.parse(line))
        : [];
    const start = () => {
      const words = [join(root, 'dist/main.js'), stateFile, strategy, journal];
      spawn(runtime, words, { stdio: 'ignore', detached: true, env: plainEnv });
    };
    onTestFinished(() => {
      const { isRunning, holder } = readRunnerStatus({ stateFile });
      if (isRunning) process.kill(holder?.process.pid as number, 'SIGKILL');
    });
    const serving = (generation: number) =>
      until(`generation ${generation}`, () => notes().find((note) => note.generation === generation));

    start();
    const first = await serving(1);
    install(2);
    const second = await serving(2);
    expect(second.release).toBe(2);
    expect(second.pid === first.pid).toBe(strategy === 'exec');
    const parts = notes().flatMap((note) => (note.launchedAs === undefined ? [] : [note.launchedAs]));
    expect(parts).toEqual([null, 'rehearsal', strategy === 'exec' ? 'exec' : 'replacement']);
    expect(notes().filter(({ ends }) => ends)).toEqual([]);

    start();
    const third = await serving(3);
    expect(notes().filter(({ ends }) => ends)).toEqual([{ pid: second.pid, release: 2, ends: true }]);
    expect(third).toMatchObject({ release: 2, generation: 3 });
  });
});
