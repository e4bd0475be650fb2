/** A hand-off where the world around it is in trouble, and where it is not wanted now. */

import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, type TestContext } from 'vitest';
import { isRunnerRunningInstalledVersion } from '../../src/runner/index.ts';
import { inForm } from '../helpers/long.ts';
import { isRoot, needs, onlyWith, succeeds } from '../helpers/needs.ts';
import { makeTempToRemove, removeTree } from '../helpers/temp-dir.ts';
import { until } from '../helpers/wait.ts';
import { MOMENTS, type Moment, reach } from './moments.ts';
import { openShop, type Shop } from './shop.ts';
import { GENEROUS, openSite, PATIENT, type Site, type SiteOptions } from './site.ts';
import { kill, signal } from './site-processes.ts';
import { fetchNode } from './tools.ts';

let shop: Shop;
beforeAll(() => {
  shop = openShop();
  for (const version of ['1.0.0', '1.0.1', '1.0.2', '1.0.3']) shop.installed(version);
}, 60_000);
afterAll(() => shop.close());

const runtimes = { respawn: fetchNode('20'), exec: fetchNode('26') };
type Strategy = keyof typeof runtimes;
type Context = Pick<TestContext, 'onTestFinished'>;

/** A site with 1.0.0, installed once with npm and copied. */
async function prepare(
  context: Context,
  strategy: Strategy,
  { options, ...settings }: SiteOptions = {},
): Promise<Site> {
  const site = await openSite(context, shop, {
    launcher: [runtimes[strategy] as string],
    options: { ...PATIENT, strategy, ...options },
    ...settings,
  });
  site.copy('1.0.0');
  return site;
}

const WITHIN_MS = 20_000;

/** A start by hand is refused, and changes nothing. */
async function expectOneHolder(site: Site, served: number): Promise<void> {
  expect(await site.spawn().ended).toBe(1);
  expect(site.log()).toMatch(/another runner holds .*distprint status/);
  expect(await site.until('it to serve alone', () => site.servesAlone())).toBe(served);
}

/** The same words with a port that is free. */
const onAnotherPort = (site: Site) => site.words().map((word) => (word === String(site.port) ? '0' : word));

/** One of each who, beside whom. */
const isShort = ({ step }: Moment) => ['rehearse', 'report', 'grant', 'serve', 'exec'].includes(step);
/** The lock is granted, or kept over exec. */
const isTaken = ({ step }: Moment) => step === 'grant' || step === 'exec';

const nameOf = ({ step, beside }: Moment) => `at ${step}${step === 'report' ? ` of ${beside}` : ''}`;

for (const strategy of ['respawn', 'exec'] as const) {
  const itHere = needs(`a Node for ${strategy}`, runtimes[strategy] !== undefined);
  const itAsRoot = onlyWith('root, for a file system of its own', isRoot && runtimes[strategy] !== undefined);

  describe.concurrent(`${strategy}, with the state folder deleted`, () => {
    itHere('is written again within a beat, with the same generation, and hands off', async (context) => {
      const site = await prepare(context, strategy);
      const old = await site.start();
      site.deleteState();
      await site.until('it to serve alone', () => site.servesAlone());
      expect(site.own().generation).toBe(1);
      await expectOneHolder(site, old);
      site.swap('1.0.1');
      expect(await site.untilServes('1.0.1')).toMatchObject({ generation: 2 });
    });

    itHere('and another started by hand before the next beat: that one is refused', async (context) => {
      const site = await prepare(context, strategy);
      const old = await site.start();
      signal(old, 'SIGSTOP');
      site.deleteState();
      expect(await site.spawn({ words: onAnotherPort(site) }).ended).toBe(1);
      expect(site.log()).toContain(`another runner lives: process ${old} serves`);
      signal(old, 'SIGCONT');
      expect(await site.until('the first to serve alone', () => site.servesAlone(), WITHIN_MS)).toBe(old);
      await expectOneHolder(site, old);
    });

    for (const moment of inForm('moments', MOMENTS[strategy], isShort)) {
      itHere(`${nameOf(moment)}: one serves, alone and with the lock`, async (context) => {
        const site = await prepare(context, strategy);
        const old = await site.start();
        await reach(site, moment, old, () => site.swap('1.0.1'));
        site.deleteState();
        site.letGo(moment.step);
        const served = await site.until('one to serve alone', () => site.servesAlone(), WITHIN_MS);
        await site.beats(3);
        expect(await site.until('one to serve alone', () => site.servesAlone())).toBe(served);
        await expectOneHolder(site, served);
      });
    }

    for (const moment of inForm('moments with another', MOMENTS[strategy], isTaken)) {
      itHere(
        `${nameOf(moment)}, and another started by hand on a port of its own: in the end there is one`,
        async (context) => {
          const site = await prepare(context, strategy);
          const old = await site.start();
          await reach(site, moment, old, () => site.swap('1.0.1'));
          site.deleteState();
          const other = site.spawn({ words: onAnotherPort(site) });
          await site.until('the other to take the lock, or to leave', () => {
            const holder = site.holder()?.process.pid;
            return holder === other.pid || !site.processes().includes(other.pid);
          });
          site.letGo(moment.step);
          const served = await site.until('one to serve alone', () => site.servesAlone(), WITHIN_MS);
          await site.beats(3);
          expect(await site.until('one to serve alone', () => site.servesAlone())).toBe(served);
          await expectOneHolder(site, served);
        },
      );
    }
  });

  describe.concurrent(`${strategy}, with the state on a disk`, () => {
    const options = { limits: { ...GENEROUS, backOff: { baseMs: 1_000, maxMs: 1_000 } } };

    for (const kind of ['full', 'read-only'] as const) {
      itAsRoot(`that is ${kind}: the old code serves on, and hands off once that is over`, async (context) => {
        const disk = mountSmallDisk(context);
        const site = await prepare(context, strategy, { options, stateFolder: disk.folder });
        const old = await site.start();
        const end = kind === 'full' ? disk.fill() : await disk.makeReadOnly();
        // A state that was just being written gave its room back since.
        if (kind === 'full') {
          const isFull = () => disk.fill() && /state can't be written .*ENOSPC/.test(site.log());
          await site.until('a beat to find no room', isFull);
        }
        site.swap('1.0.1');
        await site.until('a failure', () => /failed, staying on 1\.0\.0: .*(ENOSPC|EROFS)/.test(site.log()));
        expect(await site.ask()).toMatchObject({ pid: old, release: '1.0.0', generation: 1 });
        expect(site.listeners()).toContain(old);
        end();
        await site.untilServes('1.0.1');
      });
    }

    itAsRoot('that is full: it starts all the same, and has the lock on record once there is room', async (context) => {
      const disk = mountSmallDisk(context);
      const site = await prepare(context, strategy, { options, stateFolder: disk.folder });
      const makeRoom = disk.fill();
      const { pid } = site.spawn();
      await site.until('it to serve', async () => (await site.ask())?.pid === pid);
      expect(site.log()).toMatch(/the lock can't be written .*ENOSPC.*; going on without it/);
      makeRoom();
      expect(await site.until('it to serve alone', () => site.servesAlone())).toBe(pid);
      await expectOneHolder(site, pid);
    });
  });
}

describe.concurrent('respawn, with the state on a disk', () => {
  const itAsRoot = onlyWith('root, for a file system of its own', isRoot && runtimes.respawn !== undefined);

  for (const step of ['granted', 'serve', 'prove', 'leave'] as const) {
    itAsRoot(
      `that fills at ${step}, and the new process killed: the old one serves on, and has the lock once there is room`,
      async (context) => {
        const disk = mountSmallDisk(context);
        const site = await prepare(context, 'respawn', { stateFolder: disk.folder });
        const old = await site.start();
        const moment = MOMENTS.respawn.find((each) => each.step === step);
        const fresh = await reach(site, moment as NonNullable<typeof moment>, old, () => site.swap('1.0.1'));
        const makeRoom = disk.fill();
        await kill(fresh as number);
        site.letGo(step);
        await site.until(
          'the old one to serve',
          async () => (await site.ask())?.pid === old && site.listeners().includes(old),
          WITHIN_MS,
        );
        makeRoom();
        expect(await site.until('it to serve alone', () => site.servesAlone())).toBe(old);
        await expectOneHolder(site, old);
      },
    );
  }
});

/** A file system of 64 KiB. */
function mountSmallDisk(context: Context) {
  const folder = makeTempToRemove();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=0700', 'distprint-test', folder]);
  context.onTestFinished(() => {
    execFileSync('umount', ['-l', folder]);
    removeTree(folder);
  });
  return {
    folder,
    /** To the last byte. What it gives makes room. */
    fill(): () => void {
      const filler = join(folder, 'filler');
      expect(() => {
        for (;;) writeFileSync(filler, Buffer.alloc(512), { flag: 'a' });
      }).toThrow(/ENOSPC/);
      return () => rmSync(filler);
    },
    /** The kernel refuses while a beat has a file open for writing. */
    async makeReadOnly(): Promise<() => void> {
      await until('the disk to be read-only', () => succeeds('mount', '-o', 'remount,ro', folder) || undefined);
      return () => void execFileSync('mount', ['-o', 'remount,rw', folder]);
    },
  };
}

describe.concurrent('with a clock that is set (Date is replaced by one that is off by what a file says)', () => {
  const itHere = needs('Node 20', runtimes.respawn !== undefined);
  const DAY_MS = 24 * 60 * 60_000;

  async function prepareWithClock(context: Context, options: SiteOptions['options'] = {}) {
    const folder = makeTempToRemove();
    context.onTestFinished(() => removeTree(folder));
    const offset = join(folder, 'offset');
    const shim = join(folder, 'clock.mjs');
    writeFileSync(offset, '0');
    writeFileSync(
      shim,
      `import { readFileSync } from 'node:fs';
const Real = Date;
const now = () => Real.now() + Number(readFileSync(${JSON.stringify(offset)}, 'utf8'));
globalThis.Date = class extends Real {
  constructor(...words) {
    super(...(words.length === 0 ? [now()] : words));
  }
  static now() {
    return now();
  }
};
`,
    );
    const launcher = [runtimes.respawn as string, '--import', pathToFileURL(shim).href];
    const site = await prepare(context, 'respawn', { launcher, options });
    return { site, setOff: (ms: number) => writeFileSync(offset, String(ms)) };
  }

  itHere(
    'a day ahead and a day back: what has the same content is never handed off to, what has other content is',
    async (context) => {
      const { site, setOff } = await prepareWithClock(context);
      const old = await site.start();
      for (const ms of [DAY_MS, 0, -DAY_MS]) {
        setOff(ms);
        execFileSync('touch', [site.script]);
        await site.beats(3);
        await site.untilSettled();
        expect([ms, site.own().verdict]).toEqual([ms, 'current']);
      }
      expect(site.stepsTaken()).toEqual([]);
      expect(await site.ask()).toMatchObject({ pid: old });
      site.swap('1.0.1');
      await site.untilServes('1.0.1');
    },
  );

  itHere('a day back while a failed release waits: it is tried again within the longest back-off', async (context) => {
    const limits = { ...GENEROUS, backOff: { baseMs: 3_000, maxMs: 3_000 } };
    const { site, setOff } = await prepareWithClock(context, { limits });
    await site.start();
    const works = join(site.folder, 'works');
    const fault = `import { existsSync } from 'node:fs';
if (!existsSync(${JSON.stringify(works)})) throw new Error('not yet');
export const fault = {};`;
    await site.install(shop.release('1.0.1', { fault }));
    await site.until('a failure', () => site.own().tried?.failures === 1);
    setOff(-DAY_MS);
    await site.until('another failure', () => site.own().tried?.failures === 2, 3_000 + 10_000);
    writeFileSync(works, '');
    await site.untilServes('1.0.1', 3_000 + 10_000);
  });

  itHere('a day back while the breaker is open: it closes within its window', async (context) => {
    const limits = { ...GENEROUS, breaker: { max: 1, windowMs: 10_000 } };
    const { site, setOff } = await prepareWithClock(context, { limits });
    await site.start();
    site.swap('1.0.1');
    await site.untilServes('1.0.1');
    site.swap('1.0.2');
    await site.until('the breaker', () => site.own().heldBack?.gate === 'breaker');
    setOff(-DAY_MS);
    await site.untilServes('1.0.2', 10_000 + 10_000);
  });
});

for (const strategy of ['respawn', 'exec'] as const) {
  const itHere = needs(`a Node for ${strategy}`, runtimes[strategy] !== undefined);

  describe.concurrent(`${strategy}, where it is not wanted now`, () => {
    itHere('the operator has opted out: drift is not checked, and the beat goes on', async (context) => {
      const site = await prepare(context, strategy, { env: { DISTPRINT_DISABLE_HANDOFF: '1' } });
      const old = await site.start();
      site.swap('1.0.1');
      await site.beats(8);
      expect(site.stepsTaken()).toEqual([]);
      expect(await site.ask()).toMatchObject({ pid: old, release: '1.0.0', generation: 1 });
      expect(site.state()).toMatchObject({ distprint: { handoffDisabled: true, version: '1.0.0' } });
      expect(site.own()).toMatchObject({ verdict: null, tried: null, heldBack: null });
      // And whoever asks from a shell without the variable leaves it alone.
      expect(process.env.DISTPRINT_DISABLE_HANDOFF).toBeUndefined();
      expect(isRunnerRunningInstalledVersion({ stateFile: site.stateFile })).toBe(true);
    });

    itHere('the host is busy: it waits, says so, and goes once the host is idle', async (context) => {
      const site = await prepare(context, strategy);
      await site.start();
      await site.post('/busy');
      site.swap('1.0.1');
      await site.until('the idle gate', () => site.own().heldBack?.gate === 'idle');
      await site.beats(4);
      expect(site.stepsTaken()).toEqual([]);
      expect(site.own()).toMatchObject({ postponedSinceMs: expect.any(Number), tried: null, verdict: 'changed' });
      expect(site.log().match(/the host is busy; postponed at most until/g)).toHaveLength(1);
      await site.post('/idle');
      await site.untilServes('1.0.1');
      expect(site.own()).toMatchObject({ postponedSinceMs: null, heldBack: null });
    });

    itHere('the host is busy for longer than it may postpone: it goes', async (context) => {
      const site = await prepare(context, strategy, { options: { limits: { ...GENEROUS, maxPostponeMs: 2_000 } } });
      await site.start();
      await site.post('/busy');
      site.swap('1.0.1');
      await site.untilServes('1.0.1');
      const [, until] = /the host is busy; postponed at most until (\S+)/.exec(site.log()) ?? [];
      expect(site.own().handOffs[0]).toBeGreaterThanOrEqual(Date.parse(until as string));
    });

    itHere('there were too many: the breaker opens, says so once, and closes by itself', async (context) => {
      const windowMs = 15_000;
      const site = await prepare(context, strategy, {
        options: { limits: { ...GENEROUS, breaker: { max: 2, windowMs } } },
      });
      await site.start();
      for (const version of ['1.0.1', '1.0.2']) {
        site.swap(version);
        await site.untilServes(version);
      }
      const { handOffs } = site.own();
      site.swap('1.0.3');
      await site.until('the breaker', () => site.own().heldBack?.gate === 'breaker');
      const taken = site.stepsTaken();
      await site.beats(4);
      expect(site.stepsTaken()).toEqual(taken);
      expect(await site.ask()).toMatchObject({ release: '1.0.2', generation: 3 });
      expect(site.log().match(/no other until/g)).toHaveLength(1);
      await site.untilServes('1.0.3', windowMs + 10_000);
      expect(site.own().handOffs.at(-1)).toBeGreaterThanOrEqual((handOffs[0] as number) + windowMs);
      expect(readdirSync(site.stateFolder)).toContain('runner.state.lock.4');
    });
  });
}
