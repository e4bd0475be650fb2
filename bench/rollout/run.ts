/**
 * `npm run bench:rollout`: a rollout to 1,000 machines, with the runner's own gates and a simulated clock.
 *
 *   npm run bench:rollout                      the tables of docs/fleet.md
 *   npm run bench:rollout -- --seed 7          another draw
 *   npm run bench:rollout -- --machines 100    a smaller fleet
 *
 * It is the same for the same seed, on each machine. Exit codes: 0, 2 trouble.
 */

import { parseArgs } from 'node:util';
import { countMost, type Rollout, rollOut, wasOffline } from './fleet.ts';

const MINUTE = 60_000;
const SPREADS = [0, 10 * MINUTE, 60 * MINUTE];
const sayMinutes = (ms: number) => (ms === 0 ? 'none' : `${ms / MINUTE} min`);

function main(): void {
  const { values } = parseArgs({
    options: { seed: { type: 'string', default: '1' }, machines: { type: 'string', default: '1000' } },
  });
  const seed = toCount('--seed', values.seed);
  const machines = toCount('--machines', values.machines);
  console.log(`${machines} machines, seed ${seed}`);
  console.log(`\nA good release, pushed to all within a second:\n`);
  const good = SPREADS.flatMap((spreadMs) => [false, true].map((isBusy) => ({ machines, seed, spreadMs, isBusy })));
  printTable(['spread', 'hosts', 'most within 1 s', 'most within 10 s', '100 % after'], good.map(toGoodRow));
  console.log(`\nA release that fails each rehearsal, taken back after 5 minutes:\n`);
  const bad = SPREADS.map((spreadMs) => ({ machines, seed, spreadMs, isBusy: false, badUntilMs: 5 * MINUTE }));
  printTable(['spread', 'tried it', 'attempts', 'ever offline'], bad.map(toBadRow));
}

function toCount(option: string, text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0 && count <= 1_000_000) return count;
  throw new Error(`${option} ${text}: give a whole number from 1 to 1000000`);
}

function toGoodRow(rollout: Rollout): string[] {
  const fleet = rollOut(rollout);
  const began = fleet.flatMap(({ beganMs }) => beganMs);
  const lastMs = Math.max(...fleet.map(({ movedMs }) => movedMs ?? Infinity));
  const most = [1_000, 10_000].map((windowMs) => String(countMost(began, windowMs)));
  return [sayMinutes(rollout.spreadMs), rollout.isBusy ? 'busy half of the time' : 'idle', ...most, toTime(lastMs)];
}

function toBadRow(rollout: Rollout): string[] {
  const fleet = rollOut(rollout);
  const tried = fleet.filter(({ beganMs }) => beganMs.length > 0).length;
  const attempts = fleet.reduce((sum, { beganMs }) => sum + beganMs.length, 0);
  return [sayMinutes(rollout.spreadMs), ...[tried, attempts, fleet.filter(wasOffline).length].map(String)];
}

const toTime = (ms: number) => (ms < MINUTE ? `${Math.round(ms / 1000)} s` : `${(ms / MINUTE).toFixed(1)} min`);

function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const lines = [head, head.map(() => '---'), ...rows];
  for (const line of lines) console.log(`| ${line.join(' | ')} |`);
}

try {
  main();
} catch (error) {
  console.error(`rollout: ${(error as Error).message}`);
  process.exitCode = 2;
}
