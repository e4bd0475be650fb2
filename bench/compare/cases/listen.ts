/** Clients that connect all the time while ours restarts again and again: `--listen`. The others open no socket for what they run. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Asked, askUntil, countFailures } from '../client.ts';
import { type Compare, createPlace, getBuilt, noteTyped, removePlace } from '../context.ts';
import { routeFile } from '../project.ts';
import { toCells, unable } from '../results.ts';
import { type Session, untilQuiet, untilStarted, within, withTool } from '../session.ts';
import { type Job, OURS, type Tool } from '../tools.ts';

const WAYS = ['stop-first', 'start-first'] as const;
const SOCKETS = ['TCP', 'Unix socket'] as const;
type Way = (typeof WAYS)[number];

/** All restarts in one minute are asked for here. */
const MANY = ['--max-restarts', '1000'];

const toJob = (address: string, way: Way): Job => ({
  kind: 'build',
  run: 'dist/main.js',
  watch: 'dist',
  options: [...MANY, '--restart', way, '--listen', address, ...(way === 'start-first' ? ['--ready', address] : [])],
});

const ASKS_EVERY_MS = 4;

export async function benchListen(bench: Compare): Promise<void> {
  const ours = bench.tools.find(({ name }) => name === OURS);
  const [restarts, connections] = bench.quick ? [5, 1_000] : [50, 10_000];
  noteTyped(
    bench,
    'listen',
    toJob('4000', 'stop-first'),
    bench.tools.filter(({ name }) => name === OURS),
  );
  for (const socket of SOCKETS) {
    for (const way of WAYS) {
      const asked = ours === undefined ? undefined : await measure(bench, ours, socket, way, restarts, connections);
      const failed = asked === undefined ? 0 : countFailures(asked);
      if (asked !== undefined) bench.say(`listen: ${socket}, ${way}: ${JSON.stringify(asked)}`);
      bench.report({
        of: 'listen',
        table: 'Going offline',
        what: `refused or reset of ${connections.toLocaleString('en')} connections over ${restarts} restarts: ${socket}, ${way}`,
        target: '0',
        cells: toCells(bench.tools, ({ name }) =>
          name === OURS ? { text: String(failed), value: failed } : unable('opens no socket'),
        ),
        isMet: ours === undefined ? null : failed === 0,
      });
    }
  }
}

async function measure(
  bench: Compare,
  tool: Tool,
  socket: (typeof SOCKETS)[number],
  way: Way,
  restarts: number,
  connections: number,
): Promise<Asked> {
  const place = createPlace(bench, await getBuilt(bench, 'tsc'));
  const path = join(place.root, '../socket');
  const job = (port: number) => toJob(socket === 'TCP' ? String(port) : path, way);
  try {
    return await withTool(tool, job, place, async (session) => {
      await untilStarted(session);
      await untilQuiet(session, 2_000);
      const where = socket === 'TCP' ? { port: session.port } : { socketPath: path };
      let isOver = false;
      const asking = askUntil(where, ASKS_EVERY_MS, (count) => isOver && count >= connections);
      try {
        await restartTimes(session, restarts);
      } finally {
        isOver = true;
      }
      return await asking;
    });
  } finally {
    removePlace(place);
  }
}

/** @throws if a change is not followed by a restart */
async function restartTimes({ root, notes, readOutput }: Session, times: number): Promise<void> {
  const file = join(root, 'dist', `${routeFile(3)}.js`);
  const text = readFileSync(file, 'utf8');
  const countLoaded = () => notes().filter(({ event }) => event === 'loaded').length;
  for (let i = 0; i < times; i++) {
    const before = countLoaded();
    writeFileSync(file, `${text}// ${i}\n`);
    if (!(await within(20_000, () => countLoaded() > before))) throw new Error(`no restart: ${readOutput()}`);
    await sleep(100);
  }
}
