/**
 * Hosts that are shipped as one file: whatever made it, all of distprint works in it, beside no node_modules. Each is upgraded for real,
 * twice, and is then what it was, with the words that it was started with.
 */

import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, type TestContext } from 'vitest';
import { toToken } from '../../src/index.ts';
import { inForm } from '../helpers/long.ts';
import { needs } from '../helpers/needs.ts';
import { run } from '../helpers/run.ts';
import { makeTempToRemove, removeTree, writeTree } from '../helpers/temp.ts';
import { notRacy, until } from '../helpers/wait.ts';
import { BUNDLERS, type Bundler } from './bundlers.ts';
import { copyInstalled } from './host.ts';
import { must } from './managers.ts';
import { fetchNode } from './tools.ts';
import { fingerprintOf } from './watching.ts';

/** `main.js FOLDER [any further words]`. It says all in JSON, a line each. No module waits: CommonJS has no such thing. */
const toSource = (release: number) => `
import { existsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { buildManifestSync, createDetector, startHeartbeat } from 'distprint';
import { getInstalledCliMtimeMs } from 'distprint/drop-in';
import { claimRunner } from 'distprint/runner';

const say = (what) => writeSync(1, JSON.stringify(what) + '\\n');
const token = getInstalledCliMtimeMs();
const [folder] = process.argv.slice(2);
main().catch((error) => say({ failed: error.stack }));

async function main() {
  const runner = await claimRunner({
    stateFile: join(folder, 'state/runner.state.json'),
    cacheFile: join(folder, 'runner.cache'),
    strategy: 'respawn',
    intervalMs: 50,
    settleMs: 100,
    proveMs: 100,
    log: (log) => say({ log }),
  });
  await runner.ready({});
  const { generation } = runner;
  say({ release: ${release}, generation, pid: process.pid, token, argv: process.argv.slice(2), execArgv: process.execArgv });
  if (generation > 1) return;
  const detector = createDetector({ path: join(folder, 'watched') });
  startHeartbeat({ detector, intervalMs: 20, onChanged: ({ fingerprint }) => say({ changed: fingerprint }) });
  const path = join(folder, 'cached');
  const cacheFile = join(folder, 'detector.cache');
  const baseline = buildManifestSync(path);
  const look = () => {
    const { notes, ...cached } = createDetector({ path, cacheFile, baseline });
    const { verdict, filesRead } = cached.checkSync();
    return { verdict, filesRead, notes, isWritten: existsSync(cacheFile) };
  };
  say({ looks: [look(), look()], isOwnWritten: existsSync(join(folder, 'runner.cache')) });
}
setInterval(() => {}, 1000);
`;

interface Said {
  readonly release?: number;
  readonly generation?: number;
  readonly pid?: number;
  readonly token?: number;
  readonly argv?: readonly string[];
  readonly execArgv?: readonly string[];
  readonly changed?: string;
  readonly looks?: readonly object[];
  readonly isOwnWritten?: boolean;
  readonly log?: string;
  readonly failed?: string;
}

let installed: string;
beforeAll(() => {
  installed = copyInstalled();
  for (const release of [1, 2]) writeFileSync(join(installed, `host-${release}.js`), toSource(release));
}, 120_000);
afterAll(() => removeTree(installed));

/** What a builder made of the host's releases, in their order. */
async function bundleAll({ name, bundle, extension }: Bundler): Promise<string[]> {
  const folder = join(installed, name.replace(/\W+/g, '-'));
  // tsdown leaves out what a package depends on when it runs.
  writeTree(folder, { 'package.json': { name: 'host', version: '1.0.0', devDependencies: { distprint: '*' } } });
  const made: string[] = [];
  for (const release of [1, 2]) {
    const place = join(folder, `${release}`);
    mkdirSync(place, { recursive: true });
    copyFileSync(join(installed, `host-${release}.js`), join(place, 'host.js'));
    const to = join(place, `host${extension}`);
    await bundle(join(place, 'host.js'), to);
    if (!existsSync(to)) throw new Error(`no ${to}, but ${readdirSync(place)}`);
    made.push(to);
  }
  return made;
}

/** As installers do: written beside it, and renamed into its place. */
function install(file: string, place: string): void {
  copyFileSync(file, `${place}.new`);
  renameSync(`${place}.new`, place);
}

/** It and who comes after it are killed when the test is over. */
function start({ onTestFinished }: TestContext, command: readonly string[], cwd: string): Said[] {
  const [file = '', ...words] = command;
  const child = spawn(file, words, { cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const said: Said[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => said.push(JSON.parse(line)));
  createInterface({ input: child.stderr }).on('line', (line) => said.push({ failed: line }));
  onTestFinished(() => {
    for (const pid of new Set([child.pid, ...said.map(({ pid }) => pid)])) {
      try {
        if (pid !== undefined) process.kill(pid, 'SIGKILL');
      } catch {
        // it has ended
      }
    }
  });
  return said;
}

/** The first thing said that fits. */
async function hear(what: string, said: readonly Said[], fits: (each: Said) => boolean): Promise<Said> {
  return until(what, () => said.find(fits), 10, 30_000).catch((error) => {
    throw new Error(`${error.message}: ${JSON.stringify(said, null, 1)}`);
  });
}

/** Each bundler once, esbuild in both formats; tsdown stands for rolldown, bytecode for all of Bun's. */
const SHORT =
  /^(?:esbuild, (?:ESM|CommonJS)|rollup, ESM|tsdown|webpack|bun, compiled to bytecode|Node 26, .*, CommonJS)$/;
const isShort = ({ name }: Bundler) => SHORT.test(name);

describe.concurrent.each(inForm('bundlers', BUNDLERS, isShort))('$name', { timeout: 240_000 }, (bundler) => {
  const itHere = needs(bundler.name, !bundler.needs.some((tool) => tool === undefined));

  itHere('finds, watches, remembers, and moves to new code', async (context) => {
    const { expect } = context;
    const releases = await bundleAll(bundler);
    const folder = makeTempToRemove();
    context.onTestFinished(() => removeTree(folder));
    const isExecutable = bundler.runtime.length === 0;
    const app = join(folder, 'app');
    const place = join(app, `dist/host${bundler.extension}`);
    const subject = isExecutable ? place : app;
    writeTree(folder, {
      'app/package.json': { name: 'host', version: '1.0.0' },
      'app/dist/note': 'what else is in it',
      'watched/a': '1',
      'cached/a': '1',
      'cached/b/c': '2',
    });
    install(releases[0] as string, place);
    await notRacy();

    const words = [folder, 'a b', '', '--flag=1', '-e'];
    const said = start(context, [...bundler.runtime, place, ...words], folder);
    const first = await hear('the first release', said, ({ release }) => release === 1);
    const token = () => toToken(fingerprintOf(subject));
    expect(first).toMatchObject({ generation: 1, argv: words, execArgv: [], token: token() });
    const read = { verdict: 'current', filesRead: 2, notes: [], isWritten: true };
    expect(await hear('the looks', said, ({ looks }) => looks !== undefined)).toEqual({
      looks: [read, { ...read, filesRead: 0 }],
      isOwnWritten: true,
    });
    writeFileSync(join(folder, 'watched/a'), '2');
    const change = { changed: fingerprintOf(join(folder, 'watched')) };
    expect(await hear('the change', said, ({ changed }) => changed !== undefined)).toEqual(change);

    let before = first;
    for (const [generation, release] of [
      [2, 2],
      [3, 1],
    ] as const) {
      install(releases[release - 1] as string, place);
      const after = await hear(`generation ${generation}`, said, (each) => each.generation === generation);
      expect(after).toEqual({ ...first, release, generation, token: token(), pid: expect.any(Number) });
      expect(after.pid).not.toBe(before.pid);
      before = after;
    }
    expect(said.flatMap(({ failed }) => failed ?? [])).toEqual([]);
  });
});

describe.each(['20', '22', '24', '26'] as const)('unbundled, Node %s', (major) => {
  const node = fetchNode(major);
  const itHere = needs(`Node ${major}`, node !== undefined);

  itHere('can be required', async ({ expect, onTestFinished }) => {
    const script = `
      const { buildManifestSync } = require('distprint');
      const { getInstalledCliMtimeMs } = require('distprint/drop-in');
      const { claimRunner } = require('distprint/runner');
      console.log(buildManifestSync('.').fingerprint, typeof getInstalledCliMtimeMs(), typeof claimRunner);`;
    const program = makeTempToRemove();
    onTestFinished(() => removeTree(program));
    writeTree(program, { 'package.json': { name: 'old', version: '1.0.0' }, 'main.cjs': script });
    await must(['cp', '-r', join(installed, 'node_modules'), program], program);
    const ran = await run([node as string, 'main.cjs'], { cwd: program });
    expect(ran).toMatchObject({ code: 0, stdout: `${fingerprintOf(program)} number function\n` });
  });

  itHere('runs no code of the working directory, whatever `require` there is', async ({ expect, onTestFinished }) => {
    const folder = makeTempToRemove();
    onTestFinished(() => removeTree(folder));
    const planted = "require('node:fs').writeFileSync('ran', ''); module.exports = { sync: () => [] };";
    writeTree(folder, {
      'node_modules/fast-glob/index.js': planted,
      'node_modules/xxhash-wasm/index.js': planted,
      'subject/a': '1',
    });
    const library = join(installed, 'node_modules/distprint/dist/index.js');
    const script = `
      globalThis.require = require;
      import(${JSON.stringify(library)}).then(({ buildManifestSync }) => console.log(buildManifestSync('subject').fingerprint));`;
    const ran = await run([node as string, '-e', script], { cwd: folder });
    expect(ran).toEqual({ code: 0, stdout: `${fingerprintOf(join(folder, 'subject'))}\n`, stderr: '' });
    expect(existsSync(join(folder, 'ran'))).toBe(false);
  });
});
