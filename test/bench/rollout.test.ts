import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { countMost, type Rollout, rollOut, wasOffline } from '../../bench/rollout/fleet.ts';
import { nodeCommand, repository, run } from '../helpers/run.ts';

const MINUTE = 60_000;
/** A second on an idle machine. */
const SLOW = { cwd: repository, timeout: 40_000 };
const FLEET: Rollout = { machines: 200, seed: 1, spreadMs: 0, isBusy: false };
const BAD = { ...FLEET, badUntilMs: 5 * MINUTE };
const beginnings = (rollout: Rollout) => rollOut(rollout).flatMap(({ beganMs }) => beganMs);
const countTried = (rollout: Rollout) => rollOut(rollout).filter(({ beganMs }) => beganMs.length > 0).length;

describe('a rollout to 200 machines', () => {
  it('without a spread begins on all of them at once', () => {
    expect(countMost(beginnings(FLEET), 10_000)).toBe(200);
  });

  it('spread over 10 minutes begins on a few within 10 s, once on each, and ends', () => {
    const fleet = rollOut({ ...FLEET, spreadMs: 10 * MINUTE });
    const began = fleet.map(({ beganMs }) => beganMs);
    expect(began.map((times) => times.length)).toEqual(began.map(() => 1));
    expect(countMost(began.flat(), 10_000)).toBeLessThan(15); // 3.3 on average
    expect(countMost(began.flat(), 10_000)).toBeGreaterThan(3);
    for (const { movedMs } of fleet) expect(movedMs).toBeLessThan(11 * MINUTE);
  });

  it('to busy hosts waits for each of them, for an hour at most', () => {
    const fleet = rollOut({ ...FLEET, isBusy: true });
    expect(
      countMost(
        fleet.flatMap(({ beganMs }) => beganMs),
        10_000,
      ),
    ).toBeLessThan(200);
    for (const { movedMs } of fleet) expect(movedMs).toBeLessThan(61 * MINUTE);
  });

  it('of a bad release reaches few before it is taken back, where it is spread, and moves none', () => {
    expect(countTried(BAD)).toBe(200);
    const spread = { ...BAD, spreadMs: 60 * MINUTE };
    expect(countTried(spread)).toBeLessThan(40); // a twelfth on average
    expect(countTried(spread)).toBeGreaterThan(0);
    for (const { movedMs } of [...rollOut(BAD), ...rollOut(spread)]) expect(movedMs).toBeNull();
  });

  it('takes nobody offline', () => {
    for (const rollout of [FLEET, BAD, { ...FLEET, isBusy: true, spreadMs: MINUTE }])
      expect(rollOut(rollout).some(wasOffline)).toBe(false);
    const gap = [
      { fromMs: -Infinity, toMs: 1 },
      { fromMs: 2, toMs: Infinity },
    ];
    expect(wasOffline({ served: gap })).toBe(true);
  });

  it('is drawn the same from the same seed', () => {
    expect(rollOut(FLEET)).toEqual(rollOut(FLEET));
    expect(rollOut(FLEET)).not.toEqual(rollOut({ ...FLEET, seed: 2 }));
  });
});

describe('countMost', () => {
  it('counts what lies within a window, without its end', () => {
    expect(countMost([], 10)).toBe(0);
    expect(countMost([30, 0, 10, 5, 31, 32], 10)).toBe(3);
    expect(countMost([0, 10, 20], 10)).toBe(1);
  });
});

it('docs/fleet.md has its figures', { timeout: 90_000 }, async () => {
  const { stdout } = await run([...nodeCommand, 'bench/rollout/run.ts'], SLOW);
  const lines = stdout.split('\n').filter((line) => line.startsWith('|'));
  expect(lines).toHaveLength(13);
  const page = readFileSync(join(repository, 'docs/fleet.md'), 'utf8').split('\n');
  expect(page).toEqual(expect.arrayContaining(lines));
});

it('npm run bench:rollout prints its seed and both tables', { timeout: 90_000 }, async () => {
  const words = [...nodeCommand, 'bench/rollout/run.ts', '--machines', '50', '--seed', '7'];
  const { code, stdout, stderr } = await run(words, SLOW);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^50 machines, seed 7\n/);
  expect(stdout.match(/^\| (?:none|\d+ min) \|/gm)).toHaveLength(9);
  expect((await run([...words, '--seed', 'x'], SLOW)).code).toBe(2);
});
