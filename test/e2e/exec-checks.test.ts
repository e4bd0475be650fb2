/** What stands in the runtime's place is looked at before exec: Node 22 and 24 abort where execve fails, with nothing to catch. */

import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  truncateSync,
  watch,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, type TestContext } from 'vitest';
import { inForm } from '../helpers/long.ts';
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

/** Another copy of it takes its place, open for writing. */
function replaceOpen(runtime: string): number {
  copyFileSync(runtime, `${runtime}.new`);
  const fd = openSync(`${runtime}.new`, 'r+');
  renameSync(`${runtime}.new`, runtime);
  return fd;
}

const E_MACHINE_AT = 18;
const RISC_V = Buffer.from([243, 0]); // no runtime is tested on it

/** Each puts something else in the runtime's place, as an upgrade of the runtime might in that moment; one gives a descriptor that it leaves open. */
const TROUBLES: readonly (readonly [string, (runtime: string) => unknown, RegExp])[] = [
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
  [
    'is of another machine',
    (runtime) => {
      const fd = replaceOpen(runtime);
      writeSync(fd, RISC_V, 0, RISC_V.length, E_MACHINE_AT);
      closeSync(fd);
    },
    /can't be executed: it is an ELF executable of another machine/,
  ],
  ['is still open for writing', replaceOpen, /can't be executed: somebody still has it open for writing/],
];

/** Each is a release whose host does this while it releases: only the last check before exec sees it. */
const MEANWHILE: readonly (readonly [what: string, version: string, fault: string, says: RegExp])[] = [
  [
    'what is installed goes away',
    '1.0.2',
    `import { rmSync } from 'node:fs';
export const fault = { release: () => rmSync(new URL('./runner.js', import.meta.url)) };`,
    /changed again/,
  ],
  [
    'the directory that it was started in is removed',
    '1.0.3',
    `import { rmdirSync } from 'node:fs';
const directory = process.cwd();
export const fault = { beforeClaim: () => process.chdir('..'), release: () => rmdirSync(directory) };`,
    /can't be executed: ENOENT.*own-directory/,
  ],
  [
    'the runtime is being replaced',
    '1.0.4',
    `import { copyFileSync, openSync, renameSync } from 'node:fs';
const runtime = process.execPath;
export const fault = {
  release() {
    copyFileSync(runtime, runtime + '.new');
    openSync(runtime + '.new', 'r+');
    renameSync(runtime + '.new', runtime);
  },
};`,
    /can't be executed: somebody still has it open for writing/,
  ],
];
/** Its state is so large that each beat finds the last write still under way. */
const LARGE_STATE = "export const fault = { fields: { filler: 'x'.repeat(3_000_000) } };";

/** A copy, which a test may replace. */
function copyRuntime(context: Pick<TestContext, 'onTestFinished'>, runtime: string): string {
  const folder = makeTempToRemove();
  context.onTestFinished(() => removeTree(folder));
  const own = join(folder, 'runtime');
  copyFileSync(runtime, own);
  return own;
}

/** One that aborts where exec fails, and one that throws. */
const FEW = inForm('runtimes around the release of the host', RUNTIMES, ([name]) => /22|26/.test(name));

describe.concurrent.each(FEW)('around the release of the host on %s', (name, runtime) => {
  const itHere = needs(name, runtime !== undefined);

  itHere.for(MEANWHILE)('%s: the old process stays, and serves', async ([, version, fault, says], context) => {
    const own = copyRuntime(context, runtime as string);
    const site = await openSite(context, shop, { options: { ...PATIENT, strategy: 'exec' } });
    await site.install(shop.release(version, { fault }));
    mkdirSync(join(site.folder, 'own-directory'));
    const command = ['/bin/sh', '-c', 'cd own-directory && exec "$@"', 'sh', own, site.script];
    const old = await site.start({ command });
    site.swap('1.0.1');
    await site.until('the hand-off to fail', () => says.test(site.own().tried?.reason ?? ''));
    expect(await site.ask()).toMatchObject({ pid: old, release: version, generation: 1 });
  });

  itHere('exec waits for the state that is being written: no temporary file is left', async (context) => {
    const options = { ...PATIENT, intervalMs: 5, strategy: 'exec' } as const;
    const site = await openSite(context, shop, { launcher: [runtime as string], options });
    await site.install(shop.release('1.0.5', { fault: LARGE_STATE }));
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
    const own = copyRuntime(context, runtime as string);
    const site = await openSite(context, shop, { launcher: [own], options: { ...PATIENT, strategy: 'exec' } });
    site.copy('1.0.0');
    const old = await site.start();
    site.hold('exec');
    site.swap('1.0.1');
    await site.until('the exec to be announced', () => site.own().handingOff?.step === 'exec');
    const open = change(own);
    if (typeof open === 'number') context.onTestFinished(() => closeSync(open));
    site.letGo('exec');
    await site.until('the hand-off to fail', () => says.test(site.own().tried?.reason ?? ''));
    expect(await site.ask()).toMatchObject({ pid: old, release: '1.0.0', generation: 1 });
  });
});
