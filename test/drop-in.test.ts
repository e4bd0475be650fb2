import { chmodSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createInstalledCliProbe } from '../src/drop-in.ts';
import { toToken } from '../src/manifest/manifest.ts';
import { fingerprintOf } from './helpers/manifest.ts';
import { hasProgram, needs } from './helpers/needs.ts';
import { makeFifo } from './helpers/specials.ts';
import { talkToLoop } from './helpers/talk.ts';
import { makeDirectory, makePackage, makeTemp, writeTree } from './helpers/temp.ts';
import { makeSharedTemp, npmRetired, writePackage } from './helpers/tree.ts';
import { asOrdinaryUser, itAsUser } from './helpers/user.ts';
import { sleep, until } from './helpers/wait.ts';

/** The drop-in's own; callers can't set it. */
const SETTLE_MS = 2_000;
const files = { 'dist/a.js': 'alpha', 'dist/b.js': 'beta' };

const temp = makeSharedTemp();
/** Trees that have been quiet for long enough, made and waited for together. */
const quiet = Array.from({ length: 8 }, (_, i) => writePackage(join(temp, `${i}`, 'node_modules/example'), files));
writeFileSync(join(temp, 'tool'), 'ELF');
beforeAll(() => sleep(SETTLE_MS + 100));

function take(): { root: string; probe: () => number | undefined; token: number } {
  const packageDir = quiet.pop();
  if (packageDir === undefined) throw new Error('make more trees');
  const probe = createInstalledCliProbe({ packageDir });
  const token = probe();
  expect(token).toBe(toToken(fingerprintOf(packageDir)));
  return { root: packageDir, probe, token: token as number };
}

const tokenOf = (root: string) => toToken(fingerprintOf(root));

describe('the token', () => {
  it('is an integer above 0 that JSON and a double carry, and is that of the fingerprint', () => {
    const { token, probe } = take();
    expect(Number.isSafeInteger(token)).toBe(true);
    expect(token).toBeGreaterThan(0);
    expect(JSON.parse(JSON.stringify({ token }))).toEqual({ token });
    expect(probe()).toBe(token);
  });

  it('is that of the executable where one is named', () => {
    const executable = join(temp, 'tool');
    expect(createInstalledCliProbe({ executable })()).toBe(tokenOf(executable));
  });

  it('is the same on another machine with the same files', () => {
    expect(take().token).toBe(take().token);
  });

  it('stays the same through touch, and is another once other content has settled', async () => {
    const { root, probe, token } = take();
    for (const path of Object.keys(files)) utimesSync(join(root, path), 1, 1);
    expect(probe()).toBe(token);
    writeFileSync(join(root, 'dist/a.js'), 'ALPHA');
    expect(probe()).toBe(token);
    expect(await until('another token', () => (probe() === token ? undefined : probe()))).toBe(tokenOf(root));
  });
});

describe('in the midst of an install', () => {
  it('it is the last settled one, as long as npm has the old package beside it', async () => {
    const { root, probe, token } = take();
    const retired = npmRetired(dirname(root), 'example');
    renameSync(root, retired);
    expect(probe()).toBe(token);
    writeTree(root, { 'package.json': { name: 'example', version: '2.0.0' }, 'dist/a.js': 'ALPHA' });
    expect(probe()).toBe(token);
    await sleep(SETTLE_MS + 200);
    expect(probe()).toBe(token);
    writeTree(root, { 'dist/b.js': 'BETA' });
    rmSync(retired, { recursive: true });
    expect(probe()).toBe(token);
    expect(await until('another token', () => (probe() === token ? undefined : probe()))).toBe(tokenOf(root));
  });

  it('it is the last settled one while package.json is gone or half written', () => {
    const { root, probe, token } = take();
    rmSync(join(root, 'package.json'));
    expect(probe()).toBe(token);
    writeFileSync(join(root, 'package.json'), '{"name": "exam');
    expect(probe()).toBe(token);
    writeTree(root, { 'package.json': { name: 'example', version: '1.2.3' } });
    expect(probe()).toBe(token);
  });

  it('it is undefined once the package was gone for longer than an install takes, and back with the package', async () => {
    const { root, probe, token } = take();
    renameSync(root, `${root}.away`);
    expect(probe()).toBe(token);
    await until('undefined', () => (probe() === undefined ? true : undefined));
    expect(probe()).toBeUndefined();
    renameSync(`${root}.away`, root);
    await until('the token', () => (probe() === token ? true : undefined));
  });
});

describe('the first call', () => {
  it('right after an install waits until it has settled, no longer, and so gives a number', () => {
    const packageDir = makePackage(files);
    const startMs = performance.now();
    expect(createInstalledCliProbe({ packageDir })()).toBe(tokenOf(packageDir));
    expect(performance.now() - startMs).toBeLessThan(4 * SETTLE_MS);
  });

  it('waits no longer where the package lacks a file that its package.json names: such as it is, it was started', async () => {
    const packageDir = makePackage({ ...files, 'package.json': { version: '1.2.3', bin: 'dist/none.js' } });
    expect(createInstalledCliProbe({ packageDir })()).toBe(tokenOf(packageDir));
    const later = makePackage({ ...files, 'package.json': { version: '1.2.3', bin: 'dist/none.js' } });
    renameSync(later, `${later}.away`);
    const probe = createInstalledCliProbe({ packageDir: later });
    expect(probe()).toBeUndefined();
    renameSync(`${later}.away`, later);
    expect(await until('a token', probe)).toBe(tokenOf(later));
  });

  it('tells from its cache file that such a file was there before: then it is gone, and no number is given', async () => {
    const packageDir = makePackage({ ...files, 'package.json': { version: '1.2.3', bin: 'dist/a.js' } });
    const cacheFile = join(makeTemp(), 'cache');
    expect(createInstalledCliProbe({ packageDir, cacheFile })()).toBe(tokenOf(packageDir));
    rmSync(join(packageDir, 'dist/a.js'));
    expect(createInstalledCliProbe({ packageDir, cacheFile })()).toBeUndefined();
    writeTree(packageDir, files);
    expect(createInstalledCliProbe({ packageDir, cacheFile })()).toBe(tokenOf(packageDir));
  });

  it('on a tree that does not settle gives up after that time, and gives undefined, as do the next ones at once', () => {
    const modules = join(makeTemp(), 'node_modules');
    const packageDir = writePackage(join(modules, 'example'), files);
    mkdirSync(npmRetired(modules, 'example'));
    const probe = createInstalledCliProbe({ packageDir });
    const startMs = performance.now();
    expect(probe()).toBeUndefined();
    const firstMs = performance.now() - startMs;
    expect(firstMs).toBeLessThan(4 * SETTLE_MS);
    expect(probe()).toBeUndefined();
    expect(performance.now() - startMs - firstMs).toBeLessThan(SETTLE_MS);
  });

  it('where nothing was ever there is undefined, without waiting', () => {
    const probe = createInstalledCliProbe({ packageDir: join(makeTemp(), 'none') });
    const startMs = performance.now();
    expect(probe()).toBeUndefined();
    expect(probe()).toBeUndefined();
    expect(performance.now() - startMs).toBeLessThan(SETTLE_MS);
  });
});

describe('it never throws', () => {
  it.each<[string, () => Parameters<typeof createInstalledCliProbe>[0]]>([
    ['for a file as package', () => ({ packageDir: join(makeDirectory({ a: '' }), 'a') })],
    ['for a path below a file', () => ({ packageDir: join(makeDirectory({ a: '' }), 'a/b') })],
    ['for a directory without package.json', () => ({ packageDir: makeDirectory({ a: '' }) })],
    ['for a directory as executable', () => ({ executable: makeDirectory({ a: '' }) })],
    ['for a device as executable', () => ({ executable: '/dev/null' })],
    ['for a path with a NUL', () => ({ packageDir: 'a\0b' })],
    ['for a path that is too long', () => ({ executable: 'x'.repeat(5_000) })],
  ])('%s, but gives undefined', (_, make) => {
    const probe = createInstalledCliProbe(make());
    expect(probe()).toBeUndefined();
    expect(probe()).toBeUndefined();
  });

  needs('mkfifo', hasProgram('mkfifo'))('for pipes, nor waits for somebody to write there', async () => {
    const pipe = join(makeTemp(), 'pipe');
    makeFifo(pipe);
    const root = makePackage(files);
    rmSync(join(root, 'package.json'));
    makeFifo(join(root, 'package.json'));
    const { ask } = await talkToLoop();
    expect(await ask({ do: 'probe', options: { executable: pipe } })).toEqual({});
    expect(await ask({ do: 'probe', options: { packageDir: root } })).toEqual({});
  });

  itAsUser('for what may not be read', async () => {
    const root = makePackage(files);
    chmodSync(dirname(root), 0o755); // mkdtemp closes it to others
    chmodSync(root, 0);
    const { ask } = await talkToLoop(asOrdinaryUser);
    try {
      expect(await ask({ do: 'probe', options: { packageDir: root } })).toEqual({});
      chmodSync(root, 0o755);
      chmodSync(join(root, 'dist/a.js'), 0);
      expect(await ask({ do: 'probe', options: { packageDir: root } })).toEqual({});
    } finally {
      chmodSync(root, 0o755);
    }
  });
});
