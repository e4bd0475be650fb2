import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readHolder } from '../../src/runner/role/lock.ts';
import { lockBaseOf, readState } from '../../src/runner/role/state-file.ts';
import { built, startProgram } from '../helpers/built.ts';
import { execNode, itWithExec } from '../helpers/exec.ts';
import { hasProgram, isRoot, needs, onlyWith } from '../helpers/needs.ts';
import { gone, me, writeRole } from '../helpers/role.ts';
import { plainEnv, run } from '../helpers/run.ts';
import { makeRunnerPackage, startRunner } from '../helpers/runner.ts';
import { makePackage, makeTemp, writeTree } from '../helpers/temp.ts';
import { until } from '../helpers/wait.ts';

const makeStateFile = () => join(makeTemp(), 'state/runner.state.json');

/** A program that says on stdout, in JSON, what `body` returns, or the code and message of what it throws. */
const toSource = (body: string, options: object) => `
import { claimRunner } from ${JSON.stringify(built('runner/index.js'))};
const options = ${JSON.stringify({ path: makePackage({ 'dist/a.js': '1' }), strategy: 'none', ...options })};
const say = (what) => console.log(JSON.stringify(what));
try {
  say(await (async () => { ${body} })());
} catch ({ code, message }) {
  say({ code, message });
}
`;

const ask = <T>(body: string, options: object) =>
  startProgram(toSource(`${body}`, options)).hear<T & { code?: string; message?: string }>();

describe('a process', () => {
  it('claims once: a second claim is refused, and the first one goes on', async () => {
    const stateFile = makeStateFile();
    const body = `const runner = await claimRunner(options);
      const second = await claimRunner(options).catch(({ code, message }) => ({ code, message }));
      await runner.ready();
      return { second, generation: runner.generation };`;
    const { second, generation } = await ask<{ second: unknown; generation: number }>(body, { stateFile });
    const message = expect.stringContaining('call claimRunner once');
    expect({ second, generation }).toEqual({ second: { code: 'ERR_DISTPRINT_RUNNING', message }, generation: 1 });
  });

  it('may claim again after it was stopped', async () => {
    const body = `await (await claimRunner(options)).stop();
      return { generation: (await claimRunner(options)).generation };`;
    expect(await ask(body, { stateFile: makeStateFile() })).toEqual({ generation: 2 });
  });

  it('that is a worker thread is refused, and told why', async () => {
    const source = toSource('await claimRunner(options);', { stateFile: makeStateFile() });
    const program = startProgram(`
      import { Worker } from 'node:worker_threads';
      new Worker(new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(source)})));`);
    expect(await program.hear()).toEqual({
      code: 'ERR_DISTPRINT_HOST',
      message: expect.stringContaining('call it in the main thread'),
    });
  });

  it('that Node runs with --permission is refused, whatever it is allowed', async () => {
    const source = toSource('await claimRunner(options);', { stateFile: makeStateFile() });
    const flag = Number.parseInt(process.versions.node, 10) < 24 ? '--experimental-permission' : '--permission';
    const allowed = ['fs-read=*', 'fs-write=*', 'child-process', 'worker', 'addons'].map((what) => `--allow-${what}`);
    expect(await startProgram(source, [], [process.execPath, flag, ...allowed]).hear()).toEqual({
      code: 'ERR_DISTPRINT_HOST',
      message: expect.stringContaining('--permission'),
    });
  });

  (isRoot ? needs('setpriv', hasProgram('setpriv')) : onlyWith('root', false))(
    'that has no home directory is told what to set',
    async () => {
      const source = `import { defaultStateFile } from ${JSON.stringify(built('runner/index.js'))};
      import os from 'node:os';
      import { syncBuiltinESMExports } from 'node:module';
      try { defaultStateFile({}); } catch ({ code, message }) { console.log(code, message); }`;
      // A user that the system does not know, without HOME.
      const env = Object.fromEntries(Object.entries(plainEnv).filter(([name]) => name !== 'HOME'));
      const words = ['setpriv', '--reuid=54321', '--clear-groups', process.execPath];
      const { stdout } = await run([...words, '--input-type=module', '-e', source], { env });
      expect(stdout).toMatch(/^ERR_DISTPRINT_OPTION .*set DISTPRINT_STATE_FILE, or the option stateFile/);
    },
  );
});

describe('the state file', () => {
  it('is written at the claim, before the runner is ready', async () => {
    const stateFile = makeStateFile();
    await ask('await claimRunner(options); return {};', { stateFile });
    expect(readState(stateFile)?.distprint).toMatchObject({ ready: false, generation: 1 });
  });

  it('names no command, where `distprint run` kept it before', async () => {
    const stateFile = makeStateFile();
    writeRole(stateFile, makePackage({}), { holder: gone, own: { command: me } });
    expect(readState(stateFile)?.distprint?.command).toEqual(me);
    await ask('await claimRunner(options); return {};', { stateFile });
    expect(readState(stateFile)?.distprint).toMatchObject({ generation: 2 });
    expect(readState(stateFile)?.distprint).not.toHaveProperty('command');
  });

  it('is complete once stop() has resolved, and no temporary file is left', async () => {
    const stateFile = makeStateFile();
    const body = `const runner = await claimRunner({ ...options, intervalMs: 1 });
      await runner.ready();
      await new Promise((resolve) => setTimeout(resolve, 200));
      await runner.stop();
      setImmediate(() => process.exit());
      return {};`;
    await ask(body, { stateFile });
    expect(readState(stateFile)?.distprint).toMatchObject({ ready: true, intervalMs: null });
    expect(readdirSync(dirname(stateFile)).sort()).toEqual(['runner.state.json', 'runner.state.lock.1']);
  });

  it('loses the temporary files that killed processes left, and no other', async () => {
    const stateFile = makeStateFile();
    mkdirSync(dirname(stateFile), { recursive: true });
    const hex = '0123456789abcdef';
    const [ofState, ofLock] = [`${stateFile}.${hex}.tmp`, `${lockBaseOf(stateFile)}.${hex}.tmp`];
    // Another process may be about to claim the lock; and a host may write a state of its own to the same file.
    const ofClaim = `${lockBaseOf(stateFile)}.fedcba9876543210.tmp`;
    const ofOthers = [`${stateFile}.4242.tmp`, join(dirname(stateFile), `other.${hex}.tmp`)];
    for (const file of [ofState, ofLock, ofClaim, ...ofOthers]) writeFileSync(file, '');
    for (const file of [ofLock, ...ofOthers]) utimesSync(file, 0, 0);
    await ask('await claimRunner(options); return {};', { stateFile });
    expect([ofState, ofLock].map(existsSync)).toEqual([false, false]);
    expect([ofClaim, ...ofOthers].map(existsSync)).toEqual([true, true, true]);
  });

  it('loses that of a replacement that ended while it wrote, once its predecessor goes on', async () => {
    const runner = await startRunner({ strategy: 'respawn', readyTimeoutMs: 2_000 });
    const left = `${runner.stateFile}.0123456789abcdef.tmp`;
    runner.upgrade('2.0.0-hangs');
    await until('the replacement to have claimed', () => runner.state().pid !== runner.pid || undefined);
    writeFileSync(left, '{');
    await until('the hand-off to fail', () => runner.logs().find((line) => line.includes('did not say "ready"')));
    await runner.beats(1);
    expect(existsSync(left)).toBe(false);
  });
});

describe.each([
  { strategy: 'respawn', runtime: process.execPath, itHere: it },
  { strategy: 'exec', runtime: execNode, itHere: itWithExec },
] as const)('a release() that fails, before $strategy', ({ strategy, runtime, itHere }) => {
  itHere.each([
    ['throws', /failed.*release threw Error: not now/],
    ['never ends', /failed.*release took longer than 300 ms/],
  ] as const)(
    'because it %s fails the hand-off: the host resumes, and the old process keeps the lock',
    async (host, says) => {
      const runner = await startRunner({ strategy, host, hookTimeoutMs: 300 }, { runtime });
      runner.upgrade('2.0.0');
      await until('the hand-off to fail', () => runner.logs().find((line) => says.test(line)));
      expect(runner.said.flatMap(({ host: said }) => said ?? [])).toEqual(['releases', 'resumes']);
      expect(readHolder(lockBaseOf(runner.stateFile))).toMatchObject({ process: { pid: runner.pid }, generation: 1 });
      await runner.beats(2);
      expect(runner.said.flatMap(({ release }) => release ?? [])).toEqual(['1.0.0']);
    },
  );
});

describe('the log', () => {
  it('escapes what would command a terminal or forge a line, in a version or in a path', async () => {
    const root = makeRunnerPackage(join(makeTemp(), 'a\nb'));
    const runner = await startRunner({}, { root });
    const forged = {
      name: 'daemon',
      version: '2.0.0\x1b[2J\ndistprint: all is well',
      type: 'module',
      bin: 'dist/main.js',
    };
    writeTree(root, { 'package.json': forged, 'dist/release.js': 'export default "2";' });
    const line = await until('the new version', () => runner.logs().find((each) => each.includes('is installed')));
    expect(line).toMatch(/^2\.0\.0\\x1b\[2J\\ndistprint: all is well \(xxh64-/);
    expect(runner.said.find(({ log }) => log?.startsWith('watching'))?.log).toContain('a\\nb,');
  });

  it('of a runner whose stderr is closed by its reader ends no runner', async () => {
    const stateFile = makeStateFile();
    const body = `const runner = await claimRunner(options);
      await runner.ready();
      await new Promise((resolve) => setTimeout(resolve, 300));
      return { alive: true };`;
    const program = startProgram(
      toSource(body, { stateFile }),
      [],
      ['sh', '-c', '{ "$@" 2>&1 >&3 3>&- | true; } 3>&1', 'sh', process.execPath],
    );
    expect(await program.hear()).toEqual({ alive: true });
  });
});
