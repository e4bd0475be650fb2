/** What each tool takes while nothing happens, on a folder of 8,710 files. All are measured in the same minute. */

import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fetchPackage, NEXT } from '../../subjects/corpora.ts';
import { canDo } from '../acts.ts';
import { type Compare, createPlace, noteTyped, removePlace } from '../context.ts';
import { findMarked, isAlive, listTree, readCpuMs, readRssMiB } from '../processes.ts';
import { toCells, unable } from '../results.ts';
import { type Session, untilStarted, within, withTools } from '../session.ts';
import { type Job, OURS, type Tool, toLaunched } from '../tools.ts';

const JOB: Job = { kind: 'folder', run: 'idle.js', watch: 'next' };
const CHANGED = 'next/dist/server/next-server.js';

const IDLE = `
  const { appendFileSync } = require('node:fs');
  const note = (event) => appendFileSync(process.env.STARTS, JSON.stringify({ atMs: Date.now(), pid: process.pid, event }) + '\\n');
  note('start');
  note('loaded');
  setInterval(() => {}, 2 ** 30);
`;

interface Idle {
  readonly cpuMs: number;
  readonly rssMiB: number;
  readonly processes: number;
  readonly sees: boolean;
}

export async function benchIdle(bench: Compare): Promise<void> {
  noteTyped(bench, 'folder', JOB);
  const tools = bench.tools.filter((tool) => canDo(tool, JOB));
  const shared = createPlace(bench);
  cpSync(fetchPackage(NEXT), join(shared.root, 'next'), { recursive: true, preserveTimestamps: true });
  writeFileSync(join(shared.root, 'idle.js'), IDLE);
  const places = tools.map((_, i) => ({ ...shared, beside: `${shared.beside}-${i}` }));
  const [seconds, warmUpSeconds] = bench.quick ? [15, 15] : [60, 30];
  const idle = await withTools(tools, JOB, places, async (sessions) => {
    for (const session of sessions) await untilStarted(session);
    await sleep(warmUpSeconds * 1_000);
    return measure(sessions, seconds);
  });
  removePlace(shared);
  for (const [name, each] of idle) bench.say(`idle: ${name}: ${JSON.stringify(each)}`);
  const row = (what: string, target: string, read: (idle: Idle) => number) =>
    bench.report({
      of: 'idle',
      table: 'Cost',
      what,
      target,
      cells: toCells(bench.tools, (tool) => toCell(tool, idle.get(tool.name), read)),
      isMet: isLeast(idle, read),
    });
  row(`CPU in ${seconds} s of idling beside 8,710 files: ms`, 'least', ({ cpuMs }) => cpuMs);
  row('memory of all its processes (RSS): MiB', 'least', ({ rssMiB }) => rssMiB);
}

async function measure(sessions: readonly Session[], seconds: number): Promise<Map<string, Idle>> {
  const own = sessions.map(listOwn);
  const sumCpu = (pids: readonly number[]) => pids.reduce((sum, pid) => sum + readCpuMs(pid), 0);
  const before = own.map(sumCpu);
  await sleep(seconds * 1_000);
  const used = own.map((pids, i) => sumCpu(pids) - (before[i] as number));
  const rss = own.map((pids) => pids.reduce((sum, pid) => sum + readRssMiB(pid), 0));
  const starts = sessions.map(({ countStarts }) => countStarts());
  const file = join((sessions[0] as Session).root, CHANGED);
  writeFileSync(file, `${readFileSync(file, 'utf8')}// changed\n`);
  const outcomes = new Map<string, Idle>();
  for (const [i, { tool, countStarts }] of sessions.entries()) {
    const sees = await within(10_000, () => countStarts() > (starts[i] as number));
    outcomes.set(tool.name, {
      cpuMs: used[i] as number,
      rssMiB: rss[i] as number,
      processes: own[i]?.length ?? 0,
      sees,
    });
  }
  return outcomes;
}

/** The tool's processes, without those of the command. A child of it may have another environment. */
function listOwn({ mark, notes, pid: root }: Session): number[] {
  const commands = new Set(notes().flatMap(({ pid }) => listTree(pid)));
  return [...new Set([...findMarked(mark), ...listTree(root)])].filter((pid) => isAlive(pid) && !commands.has(pid));
}

function toCell(tool: Tool, idle: Idle | undefined, read: (idle: Idle) => number) {
  const launched = toLaunched(tool, JOB);
  if ('unable' in launched) return unable(launched.unable);
  if (idle === undefined) return unable('not measured');
  return idle.sees ? { text: toNumber(read(idle)), value: read(idle) } : unable('sees no change there');
}

const toNumber = (value: number) => (value < 10 ? value.toFixed(1) : String(Math.round(value)));

function isLeast(idle: ReadonlyMap<string, Idle>, read: (idle: Idle) => number): boolean | null {
  const ours = idle.get(OURS);
  if (ours === undefined) return null;
  return ours.sees && [...idle.values()].filter(({ sees }) => sees).every((each) => read(ours) <= read(each));
}
