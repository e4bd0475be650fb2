/**
 * From the last byte written to the first line of the new process. All tools stand ready, each on a copy of its own; in each round one file of
 * 500 is written for each, in an order that is drawn anew, and a plain start of the same command is timed as well.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { median, quantile, shuffle } from '../../../src/cli/bench/measure.ts';
import { startChild } from '../../timing/children.ts';
import { type Compare, createPlace, getBuilt, noteTyped, removePlace } from '../context.ts';
import { createMark, endMarked, toMarked } from '../processes.ts';
import { routeFile } from '../project.ts';
import { type Cell, toCells, unable } from '../results.ts';
import { type Session, untilQuiet, untilStarted, warmUp, within, withTools } from '../session.ts';
import { type Job, OURS, type Tool } from '../tools.ts';

const JOB: Job = { kind: 'build', run: 'dist/main.js', watch: 'dist' };
const LATE_MS = 15_000;
/** Some start twice for one change. */
const QUIET_MS = 1_000;
const OVER_PLAIN_MS = 60;
/** The clock counts in whole milliseconds, and two processes are rarely as fast twice. */
const EQUAL_MS = 5;

export async function benchLatency(bench: Compare): Promise<void> {
  noteTyped(bench, 'build', JOB);
  const rounds = bench.quick ? 6 : 40;
  const template = await getBuilt(bench, 'tsc');
  const places = bench.tools.map(() => createPlace(bench, template));
  const samples = new Map<string, number[]>(bench.tools.map(({ name }) => [name, []]));
  const plains = new Map<string, number[]>(bench.tools.map(({ plain }) => [plain.join(' '), []]));
  await withTools(bench.tools, JOB, places, async (sessions) => {
    for (const session of sessions) await untilStarted(session);
    for (const session of sessions) await warmUp(session, () => change(session, 'warm-up'));
    const startPlain = createPlainStarts(bench, template);
    for (let round = 0; round < rounds; round++) {
      for (const [words, times] of shuffle([...plains])) times.push(await startPlain(words.split(' ')));
      for (const session of shuffle(sessions)) samples.get(session.tool.name)?.push(await time(session, round));
      bench.say(`latency: round ${round + 1} of ${rounds}: ${sayLast(samples)}`);
    }
  });
  for (const place of places) removePlace(place);
  report(bench, samples, plains, rounds);
}

const sayLast = (samples: ReadonlyMap<string, readonly number[]>) =>
  [...samples].map(([name, all]) => `${name} ${all.at(-1)}`).join(', ');

function change({ root }: Session, what: string | number): number {
  const file = join(root, 'dist', `${routeFile(3)}.js`);
  const text = readFileSync(file, 'utf8').replace(/\/\/ \S+\n$/, '');
  writeFileSync(file, `${text}// ${what}\n`);
  return Date.now();
}

/** Infinity where it does not restart. */
async function time(session: Session, round: number): Promise<number> {
  const before = session.countStarts();
  const writtenMs = change(session, round);
  await within(LATE_MS, () => session.countStarts() > before);
  await untilQuiet(session, QUIET_MS);
  const first = session.notes().filter(({ event }) => event === 'start')[before];
  return first === undefined ? Infinity : first.atMs - writtenMs;
}

interface Started {
  readonly atMs: number;
}

/** From a small process: a large one takes longer to start another. */
function createPlainStarts(bench: Compare, template: string): (words: readonly string[]) => Promise<number> {
  const { root, beside } = createPlace(bench, template);
  const starts = `${beside}-starts`;
  const start = startChild<object, Started>(`
    import { spawn } from 'node:child_process';
    function answer({ command: [file, ...words], cwd, env }) {
      const atMs = Date.now();
      spawn(file, words, { cwd, env: { ...process.env, ...env }, stdio: 'ignore' });
      return { atMs };
    }`);
  return async (words) => {
    writeFileSync(starts, '');
    const mark = createMark();
    const env = { STARTS: starts, PORT: '0', ...toMarked(mark) };
    try {
      const { atMs } = await start({ command: [...words, JOB.run], cwd: root, env });
      if (!(await within(LATE_MS, () => readFileSync(starts, 'utf8').includes('loaded'))))
        throw new Error(`${words.join(' ')} ${JOB.run} does not start`);
      const [first = ''] = readFileSync(starts, 'utf8').split('\n');
      return JSON.parse(first).atMs - atMs;
    } finally {
      await endMarked(mark);
      await sleep(100);
    }
  };
}

type Times = ReadonlyMap<string, readonly number[]>;

function report(bench: Compare, samples: Times, plains: Times, rounds: number): void {
  const toOver = ({ name, plain }: Tool, q: number) =>
    quantile(samples.get(name) ?? [], q) - median(plains.get(plain.join(' ')) ?? []);
  const toBeyond = (tool: Tool, q: number) => toOver(tool, q) - tool.waitsMs;
  const row = (what: string, target: string, toMs: (tool: Tool, q: number) => number, isMet: boolean | null) =>
    bench.report({
      of: 'latency',
      table: 'Cost',
      what,
      target,
      cells: toCells(bench.tools, (tool) => toCell(tool, toMs)),
      isMet,
    });
  const toCell = (tool: Tool, toMs: (tool: Tool, q: number) => number): Cell => {
    const missed = (samples.get(tool.name) ?? []).filter((ms) => ms === Infinity).length;
    if (missed > 0) return unable(`missed ${missed} of ${rounds}`);
    const [middle, late] = [toMs(tool, 0.5), toMs(tool, 0.99)].map(Math.round);
    return { text: `${middle} (${late})`, value: middle as number };
  };
  const ours = bench.tools.find(({ name }) => name === OURS);
  const others = bench.tools.filter((tool) => tool !== ours);
  const isLeast = (q: number) =>
    ours !== undefined && others.every((tool) => toBeyond(ours, q) <= toBeyond(tool, q) + EQUAL_MS);
  const isMet = ours === undefined ? null : toBeyond(ours, 0.5) <= OVER_PLAIN_MS && isLeast(0.5) && isLeast(0.99);
  const plain = [...plains.values()].map((times) => Math.round(median(times))).join(', ');
  const waits = bench.tools.filter(({ waitsMs }) => waitsMs > 0).map(({ name, waitsMs }) => `${name} ${waitsMs}`);
  row(
    `from the last byte written to the first line of the new process, beyond a plain start of the same command (${plain}): ms, median (p99) of ${rounds}`,
    '',
    toOver,
    null,
  );
  row(
    `the same, less the wait that an option of the tool sets (by default ${waits.join(', ')})`,
    `least, or ${EQUAL_MS} more; median <= ${OVER_PLAIN_MS}`,
    toBeyond,
    isMet,
  );
}
