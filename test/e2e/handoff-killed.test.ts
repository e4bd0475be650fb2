/**
 * `kill -9` and `kill -STOP` of the old process, the new one or both at every step of the protocol: afterwards somebody serves, unless all
 * that could were killed; and one process owns the role, listens, and is the only one there is.
 *
 * The cells come from STEPS, so a step that is added is tested or fails the first test here. How long a process stays stopped is drawn
 * from HANDOFF_SEED, which every failure names.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { STEPS, type Step } from '../../src/runner/index.ts';
import { inForm } from '../helpers/long.ts';
import { needs } from '../helpers/needs.ts';
import { MOMENTS, type Moment, reach, type Strategy } from './moments.ts';
import { openShop, type Shop } from './shop.ts';
import { openSite, QUICK } from './site.ts';
import { kill, signal } from './site-processes.ts';
import { fetchNode } from './tools.ts';

/** These come under a supervisor only, and are tested with one. */
const SUPERVISED: readonly Step[] = ['adopt', 'exit'];

const SEED = Number(process.env.HANDOFF_SEED ?? Math.floor(Math.random() * 1e9));

/** Milliseconds from 50 to 3,000: shorter and longer than every time that the processes give each other. */
function drawMs(cell: string): number {
  let hash = SEED | 0;
  for (const char of cell) hash = Math.imul(hash ^ char.charCodeAt(0), 0x9e3779b1) ^ (hash >>> 15);
  return 50 + ((hash >>> 0) % 2_951);
}

interface Cell extends Moment {
  readonly name: string;
  readonly strategy: Strategy;
  readonly old: NodeJS.Signals | null;
  readonly new: NodeJS.Signals | null;
  readonly stoppedMs: number;
}

const SIGNALS = [null, 'SIGKILL', 'SIGSTOP'] as const;

const cells: Cell[] = Object.entries(MOMENTS).flatMap(([strategy, moments]) =>
  moments.flatMap((moment) =>
    SIGNALS.flatMap((old) =>
      SIGNALS.filter((other) => other === null || moment.beside !== 'nobody yet')
        .filter((other) => old !== null || other !== null)
        .map((other) => {
          const words = [say('old', old), say('new', other)].filter((word) => word !== '').join(', ');
          const beside = moment.beside === 'nobody yet' ? '' : ` of ${moment.beside}`;
          const name = `${strategy}, at ${moment.step}${moment.by === 'new' ? beside : ''}: ${words}`;
          const stoppedMs = drawMs(name);
          const isStopped = old === 'SIGSTOP' || other === 'SIGSTOP';
          return {
            ...moment,
            name: isStopped ? `${name} for ${stoppedMs} ms` : name,
            strategy: strategy as Strategy,
            old,
            new: other,
            stoppedMs: isStopped ? stoppedMs : 0,
          };
        }),
    ),
  ),
);

function say(who: 'old' | 'new', name: NodeJS.Signals | null): string {
  return name === null ? '' : `${who} ${name === 'SIGKILL' ? 'killed' : 'stopped'}`;
}

let shop: Shop;
beforeAll(() => {
  shop = openShop();
  for (const version of ['1.0.0', '1.0.1']) shop.installed(version);
}, 60_000);
const took: [number, string][] = [];
afterAll(() => {
  took.sort(([a], [b]) => b - a);
  const slowest = took.slice(0, 5).map(([ms, name]) => `  ${ms} ms: ${name}\n`);
  process.stderr.write(`HANDOFF_SEED=${SEED}; from the signal to one that serves alone:\n${slowest.join('')}`);
  shop.close();
});

it('knows when each step of the protocol comes', () => {
  const known = [...Object.values(MOMENTS).flatMap((moments) => moments.map(({ step }) => step)), ...SUPERVISED];
  expect([...new Set(known)].sort()).toEqual([...STEPS].sort());
});

const runtimes: Record<Strategy, string | undefined> = { respawn: fetchNode('20'), exec: fetchNode('26') };

/** The limits that the processes keep to, one after the other, and what a busy machine needs to start two of them. */
const KILL_AFTER_MS = 2_000;
const WITHIN_MS = QUICK.intervalMs + QUICK.readyTimeoutMs + QUICK.proveMs + KILL_AFTER_MS + 3_000;

describe.concurrent.each(['respawn', 'exec'] as const)('%s', (strategy) => {
  const itHere = needs(`a Node for ${strategy}`, runtimes[strategy] !== undefined);
  const mine = cells.filter((cell) => cell.strategy === strategy);

  const isStopped = ({ old, new: other }: Cell) => old === 'SIGSTOP' || other === 'SIGSTOP';
  const isShort = (cell: Cell) =>
    (cell.old === null || cell.new === null) &&
    (!isStopped(cell) || ['report', 'grant', 'serve', 'exec'].includes(cell.step));
  for (const cell of inForm('cells', mine, isShort))
    itHere(`${cell.name} (HANDOFF_SEED=${SEED})`, (context) => check(cell, context));
});

async function check(cell: Cell, context: Pick<TestContext, 'onTestFinished'>): Promise<void> {
  const site = await openSite(context, shop, {
    launcher: [runtimes[cell.strategy] as string],
    options: { ...QUICK, strategy: cell.strategy },
  });
  site.copy('1.0.0');
  const old = await site.start();
  const fresh = await reach(site, cell, old, () => site.swap('1.0.1'));
  const targets = [
    { pid: old, by: cell.old },
    { pid: fresh as number, by: cell.new },
  ];
  // Stopped first: what is killed is not seen by the other before it is stopped itself.
  for (const { pid, by } of targets) if (by === 'SIGSTOP') signal(pid, by);
  for (const { pid, by } of targets) if (by === 'SIGKILL') await kill(pid);
  site.letGo(cell.step);
  await sleep(cell.stoppedMs);
  for (const { pid, by } of targets) if (by === 'SIGSTOP') signal(pid, 'SIGCONT');
  const endMs = performance.now();

  // A rehearsal never serves: with the old process gone, there is nobody left.
  const isSurvivor = cell.old !== 'SIGKILL' || (cell.beside === 'a replacement' && cell.new !== 'SIGKILL');
  if (!isSurvivor) {
    await site.until('the rehearsal to leave', () => site.processes().length === 0, WITHIN_MS);
    expect(await site.start()).toBe((await site.ask())?.pid);
  }
  const served = await site.until('one that serves alone', () => site.servesAlone(), WITHIN_MS);
  took.push([Math.round(performance.now() - endMs), cell.name]);
  if (cell.old === 'SIGKILL') expect(served).not.toBe(old);
  if (cell.new === 'SIGKILL') expect(served).not.toBe(fresh);
  // And so it stays.
  await site.beats(2);
  expect(await site.servesAlone()).toBe(served);
  const another = site.spawn();
  expect(await another.ended).toBe(1);
  expect(await site.servesAlone()).toBe(served);
}
