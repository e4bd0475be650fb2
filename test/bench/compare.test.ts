import { appendFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Act, runStages, toCell } from '../../bench/compare/acts.ts';
import { touched } from '../../bench/compare/cases/touched.ts';
import type { Compare } from '../../bench/compare/context.ts';
import { findMarked } from '../../bench/compare/processes.ts';
import type { Row } from '../../bench/compare/results.ts';
import type { Job, Tool } from '../../bench/compare/tools.ts';
import { onlyWith } from '../helpers/needs.ts';
import { makeTemp, writeTree } from '../helpers/temp.ts';

/** Notes what the real project's server notes. */
const SERVER = `
  import { appendFileSync } from 'node:fs';
  import { createServer } from 'node:http';
  import { release } from './part0/route3.js';
  const note = (fields) => appendFileSync(process.env.STARTS, JSON.stringify({ atMs: Date.now(), pid: process.pid, ...fields }) + '\\n');
  note({ event: 'start' });
  note({ event: 'loaded', release });
  createServer((_, response) => response.setHeader('connection', 'close').end(release + ' ' + process.pid)).listen(process.env.PORT);
`;

/** Restarts the script by mtimes, as often as it is told to. */
const BY_MTIME = `
  import { spawn } from 'node:child_process';
  import { once } from 'node:events';
  import { readdirSync, statSync } from 'node:fs';
  import { setTimeout as sleep } from 'node:timers/promises';
  const [script, times] = process.argv.slice(2);
  const read = () => String(readdirSync('dist', { recursive: true }).map((file) => statSync('dist/' + file).mtimeMs));
  const start = () => spawn(process.execPath, [script], { stdio: 'inherit' });
  let [left, seen, child] = [Number(times), read(), start()];
  for (;;) {
    await sleep(20);
    const now = read();
    if (now === seen) continue;
    seen = now;
    if (left-- <= 0) continue;
    child.kill();
    await once(child, 'exit');
    child = start();
  }
`;

const JOB: Job = { kind: 'build', run: 'dist/main.js', watch: 'dist' };

const replaced: Act = {
  name: 'replaced',
  what: 'another release',
  target: 1,
  async run({ root }) {
    appendFileSync(join(root, 'dist/part0/route3.js'), "release = '2';\n");
    return '2';
  },
};

function createBench(): { bench: Compare; rows: Row[]; template: string } {
  const root = makeTemp();
  const template = join(root, 'template');
  const route = "export let release = '1';\n";
  writeTree(template, {
    'package.json': { type: 'module' },
    'dist/main.js': SERVER,
    'dist/part0/route3.js': route,
  });
  writeTree(root, { 'by-mtime.mjs': BY_MTIME });
  const restarts = (name: string, times: number): Tool => ({
    ...{ name, version: '1', program: [process.execPath, join(root, 'by-mtime.mjs')], plain: [process.execPath] },
    ...{ waitsMs: 0, command: ({ run }) => [run, String(times)] },
  });
  const tools = [restarts('by mtime', 1_000), restarts('deaf', 0), restarts('tires', 2)];
  const rows: Row[] = [];
  const bench = { tools, quick: true, scratch: root, typed: new Map(), say() {}, report: (row: Row) => rows.push(row) };
  return { bench, rows, template };
}

describe('the comparison counts', () => {
  onlyWith('Linux', process.platform === 'linux')(
    'restarts of one that goes by mtime, sees who is deaf and who serves what is old, and leaves no process',
    { timeout: 180_000 },
    async () => {
      const { bench, rows, template } = createBench();
      const stage = { name: 'test', job: JOB, quietMs: 1_000, prepare: async () => template };
      await runStages(bench, [{ ...stage, acts: [touched, replaced] }]);
      const [touches, release] = rows;
      expect(Number(touches?.cells['by mtime']?.text)).toBeGreaterThan(0);
      expect(Number(release?.cells['by mtime']?.text)).toBeGreaterThan(0);
      expect(touches?.cells.deaf?.text).toContain('sees no change');
      // Its two restarts were the change before the acts, and the way back.
      expect(touches?.cells.tires?.text).toBe('0');
      expect(release?.cells.tires?.text).toBe('0 old');
      expect(findMarked(`${process.pid}-`)).toEqual([]);
      expect(readdirSync(bench.scratch).filter((name) => name.startsWith('place-'))).toEqual([]);
    },
  );

  it('says what is served, where that is not what is on disk', () => {
    const part = { restarts: 3, disk: '2', sees: true, isDown: false, torn: 0 };
    const served = ['2', 'torn: 1 and 2', '1', null].map((each) => ({ ...part, served: each }));
    expect(toCell(served).text).toBe('3, 3 torn, 3 old, 3 down');
  });
});
