/** A shell line that starts two processes: how many are left over after restarts, and after the tool's own end. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readCommandLine } from '../../../src/platform/proc.ts';
import { canDo } from '../acts.ts';
import { type Compare, createPlace, eachOfThree, noteTyped, removePlace } from '../context.ts';
import { findMarked } from '../processes.ts';
import { firstLine, toCells, unable } from '../results.ts';
import { type Session, untilQuiet, untilStarted, within, withTool } from '../session.ts';
import { type Job, OURS, type Tool, toLaunched } from '../tools.ts';

const JOB: Job = {
  kind: 'shell',
  run: 'node dist/child.js first & node dist/child.js second',
  watch: 'dist',
  options: ['--max-restarts', '1000'],
};

const CHILD = `
  import { appendFileSync } from 'node:fs';
  if (process.argv[2] === 'second') {
    for (const event of ['start', 'loaded'])
      appendFileSync(process.env.STARTS, JSON.stringify({ atMs: Date.now(), pid: process.pid, event }) + '\\n');
  }
  setInterval(() => {}, 2 ** 30);
`;

interface Left {
  readonly restarts: number;
  readonly left: number;
  readonly afterEnd: number;
}

export async function benchShell(bench: Compare): Promise<void> {
  noteTyped(bench, 'shell', JOB);
  const [oursTimes, times] = bench.quick ? [10, 5] : [500, 20];
  const outcomes = new Map<string, Left | string>();
  await eachOfThree(
    bench.tools.filter((each) => canDo(each, JOB)),
    async (tool) => {
      const count = tool.name === OURS ? oursTimes : times;
      const outcome = await measure(bench, tool, count).catch(firstLine);
      outcomes.set(tool.name, outcome);
      bench.say(`shell: ${tool.name}: ${JSON.stringify(outcome)}`);
    },
  );
  const ours = outcomes.get(OURS);
  const row = (what: string, read: (left: Left) => number) =>
    bench.report({
      of: 'shell',
      table: 'Restarts',
      what,
      target: '0',
      cells: toCells(bench.tools, (tool) => toCell(tool, outcomes.get(tool.name), read)),
      isMet: ours === undefined ? null : typeof ours !== 'string' && read(ours) === 0,
    });
  row(
    `processes left over after ${times} restarts (ours: ${oursTimes}) of \`sh -c 'node … & node …'\``,
    ({ left }) => left,
  );
  row("the same, 3 s after the tool's own end (SIGTERM)", ({ afterEnd }) => afterEnd);
}

function toCell(tool: Tool, outcome: Left | string | undefined, read: (left: Left) => number) {
  const launched = toLaunched(tool, JOB);
  if ('unable' in launched) return unable(launched.unable);
  if (outcome === undefined || typeof outcome === 'string') return unable(outcome ?? 'not measured');
  return { text: String(read(outcome)), value: read(outcome) };
}

async function measure(bench: Compare, tool: Tool, times: number): Promise<Left> {
  const place = createPlace(bench);
  const dist = join(place.root, 'dist');
  mkdirSync(dist);
  writeFileSync(join(place.root, 'package.json'), '{"name": "children", "type": "module"}');
  writeFileSync(join(dist, 'child.js'), CHILD);
  writeFileSync(join(dist, 'content.js'), '');
  try {
    return await withTool(tool, JOB, place, async (session) => {
      await untilStarted(session);
      await untilQuiet(session, 3_000);
      for (let i = 0; i < times; i++) await restart(session, join(dist, 'content.js'), i);
      await untilQuiet(session, 2_000);
      const left = countChildren(session) - 2;
      await endTool(session);
      return { restarts: times, left, afterEnd: countChildren(session) };
    });
  } finally {
    removePlace(place);
  }
}

/** @throws if it does not restart */
async function restart(session: Session, file: string, i: number): Promise<void> {
  const before = session.countStarts();
  writeFileSync(file, `export const content = ${i};\n`);
  const isBack = await within(15_000, () => session.countStarts() > before);
  if (!isBack) throw new Error(`restart ${i + 1} did not come`);
}

const isChild = (pid: number) => readCommandLine(pid)?.[1] === 'dist/child.js';
const countChildren = ({ mark }: Session) => findMarked(mark).filter(isChild).length;

/** As an operator would: SIGTERM to the tool, or to its daemon. */
async function endTool({ mark, pid }: Session): Promise<void> {
  const tools = findMarked(mark).filter((each) => !isChild(each));
  const isNamed = (each: number) => /^(?:entr$|PM2 )/.test(readCommandLine(each)?.[0] ?? '');
  const target = tools.find(isNamed) ?? tools.find((each) => each === pid); // entr stands in a pipeline
  if (target !== undefined) process.kill(target, 'SIGTERM');
  await sleep(3_000);
}
