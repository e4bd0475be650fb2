/** The promises of the hand-off, where nothing goes wrong. */

import { execFileSync } from 'node:child_process';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { packageIn } from '../../fixtures/releases.ts';
import { isRunnerRunningInstalledVersion } from '../../src/runner/index.ts';
import { inForm, isLong } from '../helpers/long.ts';
import { needs } from '../helpers/needs.ts';
import { poll } from './client.ts';
import { MAJORS, touchAll } from './host.ts';
import { openShop, type Shop } from './shop.ts';
import { openSite, PATIENT, type SiteOptions } from './site.ts';
import { fetchBun, fetchNode } from './tools.ts';

let shop: Shop;
beforeAll(() => {
  shop = openShop();
  shop.installed('1.0.0');
  for (let i = 1; i <= 5; i++) shop.release(`1.0.${i}`);
}, 60_000);
afterAll(() => shop.close());

const node20 = fetchNode('20');
const node26 = fetchNode('26');
const bun = fetchBun();

interface Way {
  name: string;
  strategy: 'respawn' | 'exec';
  runtime: string | undefined;
}
const ways: Way[] = [
  { name: 'respawn on Node 20', strategy: 'respawn', runtime: node20 },
  { name: 'respawn on Bun', strategy: 'respawn', runtime: bun },
  { name: 'exec on Node 26', strategy: 'exec', runtime: node26 },
  { name: 'exec on Bun', strategy: 'exec', runtime: bun },
];

const settingsOf = ({ strategy, runtime }: Way): SiteOptions => ({
  launcher: [runtime as string],
  options: { ...PATIENT, strategy },
});

/** What is left over by the first hand-off shows after the second. */
const ROW = inForm('upgrades in a row', [2, 5], (n) => n === 2).at(-1) as number;

describe.concurrent.each(ways)('$name', (way) => {
  const itHere = needs(way.name, way.runtime !== undefined);

  itHere('moves to an upgrade: new code, next generation, same words, same port', async (context) => {
    const site = await openSite(context, shop, settingsOf(way));
    site.copy('1.0.0');
    const old = await site.start();
    const before = await site.ask();
    const { fingerprint } = site.own();
    await site.install(shop.release('1.0.1'));
    const after = await site.untilServes('1.0.1');
    expect(after.pid === old).toBe(way.strategy === 'exec');
    const { pid } = after;
    expect(after).toEqual({ ...before, release: '1.0.1', pid, generation: 2, isHandedOver: true });
    expect(site.listeners()).toEqual([pid]);
    expect(site.holder()).toMatchObject({ process: { pid }, generation: 2 });
    expect(site.state()).toMatchObject({ pid, httpPort: site.port, distprint: { version: '1.0.1' } });
    expect(site.own()).toMatchObject({ generation: 2, tried: null, handOffs: [expect.any(Number)] });
    expect(site.own().fingerprint).not.toBe(fingerprint);
    expect(isRunnerRunningInstalledVersion({ stateFile: site.stateFile })).toBe(true);
  });

  itHere(
    `upgrades ${ROW} times in a row: no process is left over, and nothing is added to its words`,
    async (context) => {
      const site = await openSite(context, shop, settingsOf(way));
      site.copy('1.0.0');
      await site.start();
      const before = await site.ask();
      for (let i = 1; i <= ROW; i++) {
        await site.install(shop.release(`1.0.${i}`));
        const { pid } = await site.untilServes(`1.0.${i}`);
        expect(site.processes()).toEqual([pid]);
      }
      const after = await site.ask();
      expect(after).toEqual({
        ...before,
        release: `1.0.${ROW}`,
        pid: after?.pid,
        generation: ROW + 1,
        isHandedOver: true,
      });
      expect(site.own().handOffs).toHaveLength(ROW);
      // Beside it there is a temporary file while a beat writes, and no other.
      const files = await site.until(
        'no temporary file',
        () => site.filesOfState().length === 2 && site.filesOfState(),
      );
      expect(files).toEqual(['runner.state.json', `runner.state.lock.${ROW + 1}`]);
    },
  );

  itHere('stays, over touches, a copy in its place and a reinstall of the same version', async (context) => {
    const site = await openSite(context, shop, settingsOf(way));
    site.copy('1.0.0');
    const old = await site.start();
    const place = packageIn(site.app);
    const writes: Record<string, () => unknown> = {
      touched: () => touchAll(place),
      copied: () => {
        execFileSync('cp', ['-a', place, join(site.folder, 'copy')]);
        renameSync(place, join(site.folder, 'old'));
        renameSync(join(site.folder, 'copy'), place);
      },
      reinstalled: () => site.reinstall(shop.release('1.0.0')),
    };
    for (const [what, write] of Object.entries(writes)) {
      await write();
      await site.untilSettled();
      await site.beats(3);
      expect([what, site.own().verdict]).toEqual([what, 'current']);
    }
    expect(await site.ask()).toMatchObject({ pid: old, release: '1.0.0', generation: 1 });
    expect(site.stepsTaken()).toEqual([]);
    expect(site.processes()).toEqual([old]);
  });
});

describe('respawn on Bun, which passes on no socket', () => {
  const itHere = needs('Bun', bun !== undefined);

  itHere('where the new code hangs before it listens, the old code answers all the time', async (context) => {
    const options = { ...PATIENT, readyTimeoutMs: 4_000, strategy: 'respawn' } as const;
    const site = await openSite(context, shop, { launcher: [bun as string], options });
    site.copy('1.0.0');
    const old = await site.start();
    const fault = 'export const fault = { beforeListen: () => new Promise(() => void setInterval(() => {}, 1000)) };';
    await site.install(shop.release('1.0.9', { fault }));
    await site.untilReached('granted');
    const client = poll(site.port, 5);
    const { reason } = await site.until('the failure', () => site.own().tried ?? undefined);
    const polled = await client.stop();
    expect(reason).toMatch(/did not say "ready" within 4000 ms/);
    expect(polled.failures).toEqual([]);
    expect(polled.pids).toEqual([old]);
    expect(polled.answers).toBeGreaterThan(50);
  });
});

const HAND_OFFS = isLong ? 50 : 5;

describe.concurrent.each(MAJORS)('respawn on Node %s, which passes on its socket', (major) => {
  const node = fetchNode(major);
  const itHere = needs(`Node ${major}`, node !== undefined);

  itHere(
    `refuses and resets nobody who connects every 5 ms, over ${HAND_OFFS} hand-offs`,
    { timeout: 60_000 + HAND_OFFS * 10_000 },
    async (context) => {
      const options = { ...PATIENT, strategy: 'respawn', proveMs: 100 } as const;
      const site = await openSite(context, shop, { launcher: [node as string], options });
      site.copy('1.0.0');
      const pids = [await site.start()];
      const client = poll(site.port, 5);
      for (let i = 1; i <= HAND_OFFS; i++) {
        const release = `1.0.${i % 2}`;
        site.swap(release);
        pids.push((await site.untilServes(release)).pid);
      }
      const polled = await client.stop();
      expect(polled.failures).toEqual([]);
      expect(polled.pids).toEqual(pids);
      expect(polled.answers).toBeGreaterThan(5 * HAND_OFFS);
    },
  );
});
