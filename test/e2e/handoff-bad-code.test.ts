/**
 * New code that does not work, each in its own way: the old code still serves, on the same port and with the same words; what started is not
 * rewritten; the state says why it failed; it is not tried again before its time, but other content is.
 */

import { chmodSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, type TestContext } from 'vitest';
import { scriptIn } from '../../fixtures/releases.ts';
import type { Step } from '../../src/runner/index.ts';
import { inForm } from '../helpers/long.ts';
import { hasProgram, needs, onlyWith } from '../helpers/needs.ts';
import { must } from './managers.ts';
import { openShop, type Shop } from './shop.ts';
import { GENEROUS, openSite, PATIENT, type Site, type SiteOptions } from './site.ts';
import { fetchBun, fetchNode } from './tools.ts';

let shop: Shop;
beforeAll(() => {
  shop = openShop();
  for (const version of ['1.0.0', '1.0.2']) shop.installed(version);
  for (const { code } of faults) shop.release('1.0.1', { fault: code });
}, 60_000);
afterAll(() => shop.close());

const node20 = fetchNode('20');
const node26 = fetchNode('26');
const bun = fetchBun();

type Strategy = 'respawn' | 'exec' | 'exit';
const runtimes: Record<Strategy, string | undefined> = { respawn: node20, exec: node26, exit: node20 };
const all: readonly Strategy[] = ['respawn', 'exec', 'exit'];

interface Fault {
  readonly what: string;
  /** Stands in for dist/fault.js. */
  readonly code: string;
  readonly reason: RegExp;
  /** With `exec` and `exit` nobody is left to see what comes after the claim: that is their supervisor's to mend. */
  readonly strategies: readonly Strategy[];
  readonly options?: SiteOptions['options'];
}

const hang = 'new Promise(() => void setInterval(() => {}, 1000).ref())';
const deaf = "process.on('SIGTERM', () => {});";

const faults: readonly Fault[] = [
  {
    what: 'throws at import',
    code: "export const fault = {};\nthrow new Error('broken by its author');",
    reason: /broken by its author/,
    strategies: all,
  },
  {
    what: 'exits with 0 at once',
    code: 'export const fault = process.exit(0);',
    reason: /ended with exit status 0/,
    strategies: all,
  },
  {
    what: 'is syntax that no runtime knows',
    code: 'export const fault = {} |> ok;',
    reason: /SyntaxError/,
    strategies: all,
  },
  {
    what: 'is syntax that only a newer runtime knows',
    code: 'export const fault = { pattern: /(?i:a)/ };',
    reason: /SyntaxError/,
    strategies: ['respawn'],
  },
  {
    what: 'needs a module of a newer runtime',
    code: "import 'node:sqlite';\nexport const fault = {};",
    reason: /node:sqlite/,
    strategies: ['respawn', 'exit'],
  },
  {
    what: 'hangs before its claim, and is deaf to SIGTERM',
    code: `${deaf}\nexport const fault = { beforeClaim: () => ${hang} };`,
    reason: /did not say "loaded" within 4000 ms/,
    strategies: all,
    options: { readyTimeoutMs: 4_000 },
  },
  {
    what: 'blocks its thread before its claim',
    code: 'export const fault = { beforeClaim() { for (;;); } };',
    reason: /did not say "loaded" within 4000 ms/,
    strategies: ['respawn'],
    options: { readyTimeoutMs: 4_000 },
  },
  {
    what: 'hangs before it is ready, and is deaf to SIGTERM',
    code: `${deaf}\nexport const fault = { beforeReady: () => ${hang} };`,
    reason: /did not say "ready" within 4000 ms/,
    strategies: ['respawn'],
    options: { readyTimeoutMs: 4_000 },
  },
  {
    what: 'throws before it is ready',
    code: "export const fault = { beforeReady() { throw new Error('not today'); } };",
    reason: /ended with exit status 1/,
    strategies: ['respawn'],
  },
  {
    what: 'is ready, and dies a second later',
    code: 'export const fault = { afterReady: () => void setTimeout(() => process.exit(3), 1_000) };',
    reason: /ended with exit status 3/,
    strategies: ['respawn'],
    options: { proveMs: 2_000 },
  },
  {
    what: 'writes into its own dist each time that it starts',
    code: `import { appendFileSync } from 'node:fs';
appendFileSync(new URL('./starts.js', import.meta.url), '//\\n');
export const fault = {};`,
    reason: /^it runs xxh64-\w+, not xxh64-\w+$/,
    strategies: all,
  },
];

/** A service of runit's, which starts its process again whatever the exit status. */
async function supervise(site: Site, launcher: string): Promise<void> {
  const service = join(site.folder, 'service');
  await mkdir(service);
  const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;
  const words = [launcher, site.script, ...site.words()].map(quote).join(' ');
  writeFileSync(join(service, 'run'), `#!/bin/sh\nexec ${words}\n`, { mode: 0o755 });
  site.supervise(['runsv', service]);
  await site.until('it to serve under runit', async () => (await site.ask()) !== undefined && site.own().ready);
}

const hasRunit = hasProgram('runsv');

/** Up to the exec or the exit itself, the other two do what `respawn` does. */
const inFull = inForm('strategies in full', all, (strategy) => strategy === 'respawn');

describe.concurrent.each(all)('%s, where the new code', (strategy) => {
  const runtime = runtimes[strategy];
  const isExit = strategy === 'exit';
  const itHere = needs(isExit ? 'runit' : `a Node for ${strategy}`, runtime !== undefined && (!isExit || hasRunit));

  /** A site on which 1.0.0 serves. */
  async function begin(context: Pick<TestContext, 'onTestFinished'>, options: SiteOptions['options'] = {}) {
    const site = await openSite(context, shop, {
      launcher: [runtime as string],
      options: { ...PATIENT, strategy, ...options },
    });
    site.copy('1.0.0');
    if (isExit) await supervise(site, runtime as string);
    else await site.start();
    return site;
  }

  const mine = faults.filter(({ strategies }) => strategies.includes(strategy));
  const isShort = ({ what }: Fault) => inFull.includes(strategy) || what === 'throws at import';
  for (const { what, code, reason, options } of inForm('faults', mine, isShort)) {
    itHere(`${what}: the old code serves on, and moves to the next release`, async (context) => {
      const site = await begin(context, options);
      const check = await expectStays(site);
      await site.install(shop.release('1.0.1', { fault: code }));
      await check(reason, '1.0.1');
      const { tried } = site.own();
      // Changed again and again, it is new content each time, and is tried each time.
      const isOther = what.startsWith('writes');
      if (!isOther) await expectNotTriedAgain(site);
      site.swap('1.0.2');
      await site.untilServes('1.0.2');
      if (!isOther) expect(site.own().tried).toEqual(tried);
    });
  }

  const itInFull = inFull.includes(strategy) ? itHere : onlyWith('the long form: DISTPRINT_LONG=1', false);

  itInFull('writes into its own dist once: the hand-off goes to what is there then', async (context) => {
    const site = await begin(context);
    const code = `import { existsSync, writeFileSync } from 'node:fs';
const trace = new URL('./started.js', import.meta.url);
if (!existsSync(trace)) writeFileSync(trace, '// once');
export const fault = {};`;
    await site.install(shop.release('1.0.1', { fault: code }));
    await site.untilServes('1.0.1');
    expect(site.log()).toMatch(/failed, staying on 1\.0\.0: it runs xxh64-\w+, not xxh64-/);
    await site.beats(2);
    expect(site.own()).toMatchObject({ verdict: 'current', generation: 2 });
  });

  itInFull('has lost its shebang and its executable bit: for a script that means nothing', async (context) => {
    const site = await begin(context);
    const fault = "import { chmodSync } from 'node:fs'; export const fault = {};";
    site.hold('rehearse');
    await site.install(shop.release('1.0.1', { fault, files: { 'dist/runner.js': withoutShebang(site) } }));
    chmodSync(site.script, 0o644);
    await site.untilReached('rehearse');
    site.letGo('rehearse');
    await site.untilServes('1.0.1');
    expect(statSync(site.script).mode & 0o777).toBe(0o644);
  });

  const last = { respawn: 'spawn', exec: 'exec', exit: 'exit' } as const;
  const isLast = (step: Step) => step !== 'rehearse';
  for (const step of inForm('steps', ['rehearse', last[strategy]] as const, isLast)) {
    itHere(
      `is uninstalled at ${step}: the old code serves on, and moves to what is installed next`,
      async (context) => {
        const site = await begin(context);
        const check = await expectStays(site);
        site.hold(step);
        await site.install(shop.release('1.0.1'));
        await site.untilReached(step);
        await site.uninstall();
        expect(readdirSync(join(site.app, 'node_modules'))).not.toContain('distprint-fixture-runner');
        site.letGo(step);
        await check(/Cannot find module|ended with exit status 1|changed again/, '1.0.1');
        await site.beats(3);
        expect(site.own().verdict).toBe('missing');
        await site.install(shop.release('1.0.2'));
        await site.untilServes('1.0.2');
      },
    );
  }

  const steps = {
    respawn: ['rehearse', 'spawn', 'release', 'grant', 'prove', 'leave'],
    exec: ['rehearse', 'exec'],
    exit: ['rehearse', 'exit'],
  } as const;
  const isOneOfEach = (step: Step) => ['rehearse', 'grant', 'leave', 'exec', 'exit'].includes(step);
  for (const step of inForm<Step>('steps', steps[strategy], isOneOfEach)) {
    itHere(`changes again at ${step}: it ends on the last one`, async (context) => {
      const site = await begin(context);
      site.hold(step);
      await site.install(shop.release('1.0.1'));
      await site.untilReached(step);
      await site.install(shop.release('1.0.2'));
      site.letGo(step);
      const { generation } = await site.untilServes('1.0.2');
      await site.beats(3);
      expect(await site.untilServes('1.0.2')).toMatchObject({ generation });
    });
  }

  itInFull('failed is tried again once its time has come, and no sooner', async (context) => {
    const site = await begin(context, { limits: { ...GENEROUS, backOff: { baseMs: 3_000, maxMs: 60_000 } } });
    const works = join(site.folder, 'works');
    const code = `import { existsSync } from 'node:fs';
if (!existsSync(${JSON.stringify(works)})) throw new Error('not yet');
export const fault = {};`;
    await site.install(shop.release('1.0.1', { fault: code }));
    const first = await site.until('the first failure', () => site.own().tried ?? undefined);
    expect(first).toMatchObject({ failures: 1, reason: expect.stringContaining('not yet') });
    expect(first.retryAtMs - first.atMs).toBeGreaterThanOrEqual(1_500);
    expect(first.retryAtMs - first.atMs).toBeLessThanOrEqual(3_000);
    const second = await site.until('the second failure', () => {
      const { tried } = site.own();
      return tried?.failures === 2 && tried;
    });
    expect(second.atMs).toBeGreaterThanOrEqual(first.retryAtMs);
    expect(second.retryAtMs - second.atMs).toBeGreaterThanOrEqual(3_000);
    writeFileSync(works, '');
    await site.untilServes('1.0.1');
    expect(site.own()).toMatchObject({ tried: null, verdict: 'current' });
    expect(Date.now()).toBeGreaterThanOrEqual(second.retryAtMs);
  });
});

const withoutShebang = (site: Site) => {
  const text = readFileSync(scriptIn(site.app), 'utf8');
  expect(text).toMatch(/^#!/);
  return text.replace(/^#!.*\n/, '');
};

/** Looks at what serves now. What it gives waits for a failure, and expects the rest to be as it was. */
async function expectStays(site: Site) {
  const before = await site.ask();
  const { pid, startTime, distprint } = site.state();
  expect(before).toMatchObject({ release: '1.0.0', pid });
  return async (reason: RegExp, version: string) => {
    await site.until(`a failure like ${reason}`, () => reason.test(site.own().tried?.reason ?? ''));
    const answer = await site.ask();
    // The generation is another one where the lock was granted and taken back.
    expect(answer).toEqual({ ...before, generation: site.holder()?.generation });
    expect(site.holder()).toMatchObject({ process: { pid } });
    expect(site.state()).toMatchObject({
      pid,
      httpPort: site.port,
      startTime,
    });
    const { version: started, fingerprint, token } = distprint as NonNullable<typeof distprint>;
    expect(site.own()).toMatchObject({ version: started, fingerprint, token, handOffs: [], ready: true });
    expect(site.own().tried).toMatchObject({ version, failures: 1 });
    await site.until('the new process to be gone', () => site.processes().length === 1);
    expect(site.listeners()).toEqual([pid]);
  };
}

async function expectNotTriedAgain(site: Site): Promise<void> {
  const before = site.stepsTaken();
  const { tried } = site.own();
  await site.beats(3);
  expect(site.stepsTaken()).toEqual(before);
  expect(site.own()).toMatchObject({ tried, verdict: 'changed', heldBack: { gate: 'back-off' } });
  expect(site.log().match(/installed; handing off/g)).toHaveLength(1);
}

describe.concurrent.each(['respawn', 'exec'] as const)('%s of an executable that Bun compiled', (strategy) => {
  const itHere = needs('Bun', bun !== undefined);

  itHere('stays on the old code where the new one is not executable, and moves once it is', async (context) => {
    const site = await openSite(context, shop, {
      options: { ...PATIENT, strategy, limits: { ...GENEROUS, backOff: { baseMs: 2_000, maxMs: 2_000 } } },
    });
    const program = join(site.folder, 'program');
    const build = async (version: string, to: string) => {
      await site.install(shop.release(version));
      // Its own name is part of what it is compiled to.
      await must([bun as string, 'build', '--compile', site.script, '--outfile', program], site.folder);
      if (to !== program) renameSync(program, to);
    };
    await build('1.0.1', `${program}.new`);
    await build('1.0.0', program);
    chmodSync(`${program}.new`, 0o644);
    await site.start({ command: [program] });
    const before = await site.ask();
    renameSync(`${program}.new`, program);
    const tried = await site.until('a failure', () => site.own().tried ?? undefined);
    expect(tried.reason).toMatch(/EACCES/);
    expect(await site.ask()).toEqual(before);
    expect(site.listeners()).toEqual([before?.pid]);
    chmodSync(program, 0o755);
    const after = await site.untilServes('1.0.1');
    expect(after).toMatchObject({ argv: before?.argv, generation: 2 });
    expect(after.pid === before?.pid).toBe(strategy === 'exec');
  });
});

describe.concurrent('a running daemon', () => {
  const itHere = needs('Node 20', node20 !== undefined);

  itHere('lives on, and writes its state, when every module under it is removed', async (context) => {
    // The modules that it needs may come later than it does: then it is tried again.
    const limits = { ...GENEROUS, backOff: { baseMs: 1_000, maxMs: 1_000 } };
    const options = { ...PATIENT, strategy: 'respawn', limits } as const;
    const site = await openSite(context, shop, { launcher: [node20 as string], options });
    site.copy('1.0.0');
    const old = await site.start();
    rmSync(join(site.app, 'node_modules'), { recursive: true });
    await site.beats(3);
    expect(site.own().verdict).toBe('missing');
    expect(await site.ask()).toMatchObject({ pid: old, release: '1.0.0' });
    expect(site.stepsTaken()).toEqual([]);
    rmSync(join(site.app, 'package-lock.json'));
    writeFileSync(join(site.app, 'package.json'), '{"private":true}');
    await site.install(shop.release('1.0.1'));
    await site.untilServes('1.0.1');
    expect(site.own()).toMatchObject({ verdict: 'current', generation: 2 });
  });
});
