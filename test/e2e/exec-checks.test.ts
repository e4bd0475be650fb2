/** What stands in the runtime's place is looked at before exec: Node 22 and 24 abort where execve fails, with nothing to catch. */

import { copyFileSync, renameSync, rmSync, truncateSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { needs } from '../helpers/needs.ts';
import { makeTempToRemove, removeTree } from '../helpers/temp-dir.ts';
import { openShop, type Shop } from './shop.ts';
import { openSite, PATIENT } from './site.ts';
import { fetchBun, fetchNode } from './tools.ts';

let shop: Shop;
beforeAll(() => {
  shop = openShop();
  for (const version of ['1.0.0', '1.0.1']) shop.installed(version);
});
afterAll(() => shop.close());

const RUNTIMES = [
  ['Node 22', fetchNode('22')],
  ['Node 24', fetchNode('24')],
  ['Node 26', fetchNode('26')],
  ['Bun', fetchBun()],
] as const;

/** Each puts something else in the runtime's place, as an upgrade of the runtime might in that moment. */
const TROUBLES: readonly (readonly [string, (runtime: string) => void, RegExp])[] = [
  ['is removed', (runtime) => rmSync(runtime), /can't be executed: ENOENT/],
  [
    'becomes a text',
    (runtime) => {
      writeFileSync(`${runtime}.new`, 'not a program\n', { mode: 0o755 });
      renameSync(`${runtime}.new`, runtime);
    },
    /can't be executed: it is neither an ELF executable nor a script/,
  ],
  [
    'is cut off',
    (runtime) => {
      copyFileSync(runtime, `${runtime}.new`);
      truncateSync(`${runtime}.new`, 1_000_000);
      renameSync(`${runtime}.new`, runtime);
    },
    /can't be executed: it is cut off/,
  ],
];

/** What it installs goes away while its host releases. */
const TAKES_AWAY = `import { rmSync } from 'node:fs';
export const fault = { release: () => rmSync(new URL('./runner.js', import.meta.url)) };`;
/** Its state is so large that each beat finds the last write still under way. */
const LARGE_STATE = "export const fault = { fields: { filler: 'x'.repeat(3_000_000) } };";

describe.concurrent('around the release of the host', () => {
  const runtime = fetchNode('26');
  const itHere = needs('Node 26', runtime !== undefined);

  itHere('what is installed goes away: the old process stays, and serves', async (context) => {
    const options = { ...PATIENT, strategy: 'exec' } as const;
    const site = await openSite(context, shop, { launcher: [runtime as string], options });
    await site.install(shop.release('1.0.2', { fault: TAKES_AWAY }));
    const old = await site.start();
    site.swap('1.0.1');
    await site.until('the hand-off to fail', () => /changed again/.test(site.own().tried?.reason ?? ''));
    expect(await site.ask()).toMatchObject({ pid: old, release: '1.0.2', generation: 1 });
  });

  itHere('exec waits for the state that is being written: no temporary file is left', async (context) => {
    const options = { ...PATIENT, intervalMs: 5, strategy: 'exec' } as const;
    const site = await openSite(context, shop, { launcher: [runtime as string], options });
    await site.install(shop.release('1.0.3', { fault: LARGE_STATE }));
    await site.start();
    const temporary = new Set<string>();
    const watcher = watch(site.stateFolder, (_, name) => void (name?.endsWith('.tmp') && temporary.add(name)));
    context.onTestFinished(() => watcher.close());
    site.swap('1.0.1');
    await site.until('the exec', () => site.holder()?.generation === 2);
    await nextTurn(); // what the kernel has told by now is heard
    watcher.close();
    expect(temporary.size).toBeGreaterThan(1);
    await site.until('none to be left', () => !site.filesOfState().some((file) => temporary.has(file)));
  });
});

describe.concurrent.each(RUNTIMES)('between the rehearsal and exec on %s', (name, runtime) => {
  const itHere = needs(name, runtime !== undefined);

  itHere.for(TROUBLES)('the runtime %s: the old process stays, and serves', async ([, change, says], context) => {
    const folder = makeTempToRemove();
    context.onTestFinished(() => removeTree(folder));
    const own = join(folder, 'runtime');
    copyFileSync(runtime as string, own);
    const site = await openSite(context, shop, { launcher: [own], options: { ...PATIENT, strategy: 'exec' } });
    site.copy('1.0.0');
    const old = await site.start();
    site.hold('exec');
    site.swap('1.0.1');
    await site.until('the exec to be announced', () => site.own().handingOff?.step === 'exec');
    change(own);
    site.letGo('exec');
    await site.until('the hand-off to fail', () => says.test(site.own().tried?.reason ?? ''));
    expect(await site.ask()).toMatchObject({ pid: old, release: '1.0.0', generation: 1 });
  });
});
