/** One storm: rounds of an act and an upgrade, and the counts that must be zero at its end. */

import { readdirSync, readFileSync, statSync, utimesSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, inject, it } from 'vitest';
import { inForm } from '../helpers/long.ts';
import { random } from '../helpers/seed.ts';
import type { Cell, Supervised } from '../supervisors/cell.ts';
import { ground } from '../supervisors/cell.ts';
import { ACTS, type Act, type Draw, nextOf, upgradeTo } from './acts.ts';
import { findOutages, HANGS, type Outage } from './client.ts';
import { findTwoOwners, parseJournal } from './journal.ts';
import { type Allowance, openPlace, type Place } from './place.ts';
import { PLANS, type Plan } from './places.ts';

const seed = inject('seed');
/** Acts in each place. */
const ROUNDS = inForm('rounds', [1, 2, 3], (n) => n === 1).length;

/** One deck for all places, so that each act comes up before one comes twice. */
const deck = shuffle(ACTS, random(seed));
const places = inForm('places', PLANS, ({ isShort }) => isShort);

export const placesUnder = (isUnderSystemd: boolean) =>
  places.filter(({ supervisor }) => supervisor.startsWith('systemd') === isUnderSystemd);

export const diskOf = (plan: Plan) => join(ground.folder, 'disks', String(places.indexOf(plan)));

/** A test a place. */
export function runStorms(
  plans: readonly Plan[],
  superviseOf: (plan: Plan) => ((cell: Cell) => Promise<Supervised>) | undefined,
): void {
  for (const plan of plans) {
    const number = places.indexOf(plan);
    const canRun = plan.runtime === 'compiled' ? ground.compiled['1.0.0'] : ground.runtimes[plan.runtime];
    it.skipIf(canRun === undefined)(
      `${plan.runtime}, ${plan.supervisor}: ${plan.strategy}`,
      async ({ onTestFinished }) => {
        const acts = Array.from({ length: ROUNDS }, (_, n) => deck[(number * ROUNDS + n) % deck.length] as Act);
        const place = await openPlace(plan, diskOf(plan), superviseOf(plan));
        onTestFinished(async ({ task }) => {
          await place.client.stop();
          if (task.result?.state === 'fail')
            process.stderr.write(`${place.describe()}\n${await place.log().catch(String)}\n`);
          await place.destroy();
        });
        await storm(place, acts, random(seed + 1 + number));
      },
    );
  }
}

async function storm(place: Place, acts: readonly Act[], draw: Draw): Promise<void> {
  const title = `${place.plan.runtime}, ${place.plan.supervisor}`;
  const say = (line: string) => process.stdout.write(`${title}: ${line}\n`);
  expect(place.state()?.distprint?.decision.strategy).toBe(place.plan.strategy);
  for (const act of acts) {
    say(act.name);
    say(`${act.name}: ${await act.run(place, draw)}`);
  }
  // Whoever has the lock next removes what was left a minute ago.
  for (const path of leftovers(place)) utimesSync(path, 0, 0);
  await upgradeTo(place, nextOf(place.installed()));
  const asked = await place.client.stop();
  await place.stop();
  const outages = findOutages(asked);
  const lines = parseJournal(readFileSync(join(place.cell.folder, 'journal'), 'utf8'));
  const cold = place.client.coldStartsMs.map(Math.round);
  const slowest = Math.round(Math.max(...asked.map(({ fromMs, toMs }) => toMs - fromMs)));
  say(`${place.upgrades()} upgrades, ${asked.length} questions, ${lines.length} lines; cold start ${cold} ms`);
  say(`  the slowest answer took ${slowest} ms`);
  for (const outage of outages) say(`  silent ${sayOutage(outage, place.allowances)}`);
  expect(place.state()?.distprint?.intervalMs, 'it was not stopped, but killed').toBe(null);
  expect(leftovers(place).map(describeFile), 'temporary files').toEqual([]);
  expect(findTwoOwners(lines, place.deletedMs), 'two owners').toEqual([]);
  expect(judge(outages, place.allowances), 'silent, refused or reset').toEqual([]);
}

/** All that is neither the state nor the lock. */
function leftovers({ cell }: Place): string[] {
  const folder = dirname(cell.stateFile);
  return readdirSync(folder)
    .filter((name) => !/^runner\.state\.(?:json|lock\.\d+)$/.test(name))
    .map((name) => join(folder, name));
}

/** With who wrote it, and in which step. */
function describeFile(path: string): string {
  const stats = statSync(path);
  const text = stats.isFile() ? readFileSync(path, 'utf8') : '';
  return `${basename(path)} of ${stats.mtime.toISOString()}: ${text}`;
}

/** The outages that nothing allows, and questions that were forgotten. */
function judge(outages: readonly Outage[], allowances: readonly Allowance[]): string[] {
  const left = new Map(allowances.map((each) => [each, each.most]));
  return outages
    .filter((outage) => {
      const allowance = findAllowance(outage, allowances);
      const most = allowance && (left.get(allowance) as number);
      if (allowance === undefined || most === 0 || HANGS in outage.codes) return true;
      if (outage.toMs - outage.fromMs > allowance.longestMs()) return true;
      left.set(allowance, (most as number) - 1);
      return false;
    })
    .map((outage) => sayOutage(outage, allowances));
}

const findAllowance = ({ fromMs, toMs }: Outage, allowances: readonly Allowance[]) =>
  allowances.find((each) => each.fromMs <= fromMs && toMs <= each.toMs);

function sayOutage(outage: Outage, allowances: readonly Allowance[]): string {
  const { fromMs, toMs, codes } = outage;
  const allowed = findAllowance(outage, allowances);
  const counts = Object.entries(codes).map(([code, count]) => `${count} ${code}`);
  const limit = allowed ? `${allowed.why}, up to ${Math.round(allowed.longestMs())} ms` : 'nothing allows it';
  return `${Math.round(toMs - fromMs)} ms: ${counts.join(', ')} (${limit})`;
}

function shuffle<T>(all: readonly T[], draw: Draw): T[] {
  const left = [...all];
  const shuffled: T[] = [];
  while (left.length > 0) shuffled.push(...left.splice(Math.floor(draw() * left.length), 1));
  return shuffled;
}
