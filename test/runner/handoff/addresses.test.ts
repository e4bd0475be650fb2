import { spawn } from 'node:child_process';
import { get } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RunnerOptions } from '../../../src/runner/index.ts';
import { readState } from '../../../src/runner/index.ts';
import { built } from '../../helpers/built.ts';
import { findFreePort } from '../../helpers/free-port.ts';
import { hasProgram, needs } from '../../helpers/needs.ts';
import { plainEnv } from '../../helpers/run.ts';
import { makeTemp, writeTree } from '../../helpers/temp.ts';
import { until } from '../../helpers/wait.ts';

/** A daemon whose release says where it listens. */
const MAIN = `
import { createServer } from 'node:http';
import { claimRunner } from ${JSON.stringify(built('runner/index.js'))};
import { release, where } from './release.js';
const runner = await claimRunner({ ...JSON.parse(process.env.RUNNER), log: () => {} });
await runner.listen(createServer((_, response) => response.end(release)), where);
await runner.ready();
setInterval(() => {}, 1000);
`;

function install(root: string, release: string, where: object): void {
  writeTree(root, {
    'package.json': { name: 'daemon', version: release, type: 'module', bin: 'dist/main.js' },
    'dist/main.js': MAIN,
    'dist/release.js': `export const release = '${release}';\nexport const where = ${JSON.stringify(where)};`,
  });
}

/** Starts it in a session of its own, behind these words. Whoever has its state in the end is killed. */
function start(root: string, launcher: readonly string[], options: RunnerOptions = {}) {
  const stateFile = join(makeTemp(), 'runner.state.json');
  const quick = { strategy: 'respawn', intervalMs: 30, settleMs: 100, proveMs: 100, stateFile, ...options };
  const env = { ...plainEnv, RUNNER: JSON.stringify(quick) };
  const [file = '', ...args] = [...launcher, process.execPath, join(root, 'dist/main.js')];
  const child = spawn(file, args, { detached: true, stdio: 'ignore', env });
  onTestFinished(() => {
    for (const pid of [child.pid, readState(stateFile)?.pid]) {
      try {
        process.kill(pid as number, 'SIGKILL');
      } catch {
        // it has ended
      }
    }
  });
  return () => readState(stateFile);
}

/** Who answers on a new connection; rejects where nobody does. */
const ask = (host: string, port: number) =>
  new Promise<string>((resolve, reject) => {
    get({ host, port, agent: false }, (response) => {
      let text = '';
      response.on('data', (more) => {
        text += more;
      });
      response.on('end', () => resolve(text));
      response.on('error', reject);
    }).on('error', reject);
  });

const untilServes = (release: string, host: string, port: number) =>
  until(`release ${release}`, async () => ((await ask(host, port).catch(() => '')) === release ? true : undefined));

describe('a release that listens elsewhere than the one before', () => {
  it.each([
    ['on all addresses, and the same port', '0.0.0.0', ['127.0.0.1', '127.0.0.2'], []],
    ['on another address, and the same port', '127.0.0.2', ['127.0.0.2'], ['127.0.0.1']],
  ])('%s, does so', async (_, host, answering, silent) => {
    const root = makeTemp();
    const port = await findFreePort();
    install(root, '1.0.0', { host: '127.0.0.1', port });
    const state = start(root, []);
    await untilServes('1.0.0', '127.0.0.1', port);
    await until('it to be ready', () => state()?.distprint?.ready || undefined);
    install(root, '2.0.0', { host, port });
    for (const each of answering) await untilServes('2.0.0', each, port);
    for (const each of silent) {
      await until('no answer', () =>
        ask(each, port).then(
          () => undefined,
          ({ code }) => code === 'ECONNREFUSED' || undefined,
        ),
      );
    }
  });
});

describe('a socket that systemd gave to the process', () => {
  const itHere = needs('systemd-socket-activate', hasProgram('systemd-socket-activate'));

  itHere('is passed on by respawn, and refuses nobody', async () => {
    const root = makeTemp();
    const port = await findFreePort();
    install(root, '1.0.0', { fd: 3 });
    const state = start(root, ['systemd-socket-activate', '-E', 'RUNNER', '-l', `127.0.0.1:${port}`]);
    await untilServes('1.0.0', '127.0.0.1', port);
    await until('it to be ready', () => state()?.distprint?.ready || undefined);
    install(root, '2.0.0', { fd: 3 });
    const pid = state()?.pid;
    let answers = 0;
    await until('release 2.0.0 to be proven', async () => {
      expect(await ask('127.0.0.1', port)).toMatch(/^[12]\.0\.0$/);
      answers++;
      const now = state();
      return (now?.pid !== pid && now?.distprint?.handingOff === null) || undefined;
    });
    expect(answers).toBeGreaterThan(10);
    await until('the old one to leave', async () => {
      const isAlone = (await Promise.all(Array.from({ length: 10 }, () => ask('127.0.0.1', port)))).every(
        (each) => each === '2.0.0',
      );
      return isAlone || undefined;
    });
  });

  itHere('would not survive exec, which is refused, and says why', async () => {
    const root = makeTemp();
    const port = await findFreePort();
    install(root, '1.0.0', { fd: 3 });
    const state = start(root, ['systemd-socket-activate', '-E', 'RUNNER', '-l', `127.0.0.1:${port}`], {
      strategy: 'exec',
    });
    await untilServes('1.0.0', '127.0.0.1', port);
    const reasons = await until('it to be ready', () => {
      const own = state()?.distprint;
      return own?.ready ? own.decision.reasons : undefined;
    });
    expect(state()?.distprint?.decision.strategy).toBe('none');
    expect(reasons).toContain('exec would close the socket that was given to it');
  });
});
