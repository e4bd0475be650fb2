/** A build that compiles and fails when it is loaded: what becomes of those who ask, and of the process that ran. */

import { setTimeout as sleep } from 'node:timers/promises';
import { askUntil, countFailures } from '../client.ts';
import { type Compare, createPlace, eachOfThree, getBuilt, noteTyped, removePlace } from '../context.ts';
import { isAlive } from '../processes.ts';
import { build, writeSources } from '../project.ts';
import { type Cell, firstLine, toCells, unable } from '../results.ts';
import { ask, type Session, untilServed, untilStarted, withTool } from '../session.ts';
import { type Job, OURS, type Tool } from '../tools.ts';

const START_FIRST = (port: number): Job => ({
  kind: 'build',
  run: 'dist/main.js',
  watch: 'dist',
  options: ['--restart', 'start-first', '--listen', String(port), '--ready', `http://:${port}/`],
});

interface Outcome {
  readonly asked: number;
  readonly failed: number;
  readonly isAlive: boolean;
  readonly starts: number;
  readonly isMended: boolean;
}

const ASKS_EVERY_MS = 5;
const QUIET_MS = 2_500;

export async function benchBroken(bench: Compare): Promise<void> {
  noteTyped(bench, 'broken', START_FIRST(4000));
  const outcomes = new Map<string, Outcome | string>();
  await eachOfThree(bench.tools, async (tool) => {
    const outcome = await measure(bench, tool).catch(firstLine);
    outcomes.set(tool.name, outcome);
    bench.say(`broken: ${tool.name}: ${JSON.stringify(outcome)}`);
  });
  const ours = outcomes.get(OURS);
  const row = (what: string, target: string, toCell: (outcome: Outcome) => Cell, isMet: (ours: Outcome) => boolean) =>
    bench.report({
      of: 'broken',
      table: 'Going offline',
      what,
      target,
      cells: toCells(bench.tools, ({ name }) => {
        const outcome = outcomes.get(name);
        return outcome === undefined || typeof outcome === 'string'
          ? unable(outcome ?? 'not measured')
          : toCell(outcome);
      }),
      isMet: ours === undefined ? null : typeof ours !== 'string' && isMet(ours),
    });
  const after = `${toWaitMs(bench) / 1_000} s`;
  row(
    `failed requests, one every ${ASKS_EVERY_MS} ms, from a broken build until ${after} after it`,
    '0',
    ({ failed, asked }) => ({ text: failed === 0 ? '0' : `${Math.round((failed / asked) * 100)} %` }),
    ({ failed }) => failed === 0,
  );
  row(
    'the process that ran before; starts of broken code',
    'lives',
    ({ isAlive, starts }) => ({ text: `${isAlive ? 'lives' : 'gone'}; ${starts}` }),
    ({ isAlive }) => isAlive,
  );
  row(
    'serves the next build, which is not broken',
    'yes',
    ({ isMended }) => ({ text: isMended ? 'yes' : 'no' }),
    ({ isMended }) => isMended,
  );
}

const toWaitMs = ({ quick }: Compare) => (quick ? 4_000 : 8_000);

async function measure(bench: Compare, tool: Tool): Promise<Outcome> {
  const place = createPlace(bench, await getBuilt(bench, 'tsc'));
  try {
    return await withTool(tool, START_FIRST, place, (session) => breakIt(session, toWaitMs(bench)));
  } finally {
    removePlace(place);
  }
}

async function breakIt(session: Session, waitMs: number): Promise<Outcome> {
  const { root, port } = session;
  await untilStarted(session);
  await sleep(3_000); // until it watches
  const before = await ask({ port });
  const started = session.countStarts();
  let isOver = false;
  const asking = askUntil({ port }, ASKS_EVERY_MS, () => isOver);
  try {
    writeSources(root, '2', true);
    await build(root, 'tsc');
    await sleep(waitMs);
  } finally {
    isOver = true;
  }
  const asked = await asking;
  const outcome = { asked: asked.count, failed: countFailures(asked), isAlive: isAlive(before.pid) };
  const starts = session.countStarts() - started;
  writeSources(root, '3');
  await build(root, 'tsc');
  const isMended = (await untilServed(session, '3', QUIET_MS)) === '3';
  return { ...outcome, starts, isMended };
}
