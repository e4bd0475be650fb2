import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { get } from 'node:http';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fetchBun } from '../../e2e/tools.ts';
import { built } from '../../helpers/built.ts';
import { findFreePort } from '../../helpers/free-port.ts';
import { onlyWith } from '../../helpers/needs.ts';
import { type RunnerProgram, type RunnerSetup, startRunner } from '../../helpers/runner.ts';
import { makeTemp, writeTree } from '../../helpers/temp.ts';
import { until } from '../../helpers/wait.ts';

/** A daemon that can be rehearsed. Whoever runs it leaves a line for each thing that it does; `fault.js` says what is wrong with a release. */
const MAIN = `
import { appendFileSync, existsSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { claimRunner } from ${JSON.stringify(built('runner/index.js'))};
import { fault } from './fault.js';
const { fields, redact, ...options } = JSON.parse(process.env.RUNNER);
const folder = join(dirname(options.stateFile), '..');
const trace = (what) => appendFileSync(join(folder, 'trace'), JSON.stringify({ pid: process.pid, ...what }) + '\\n');
const say = (what) => writeSync(1, JSON.stringify(what) + '\\n');
const release = '1.0.0';
const answers = (path) => new Promise((resolve) => {
  const socket = connect(path).on('connect', () => resolve(true)).on('error', () => resolve(false));
  setTimeout(() => socket.destroy(), 50);
});
const runner = await claimRunner({
  ...options,
  async canRehearse(at) {
    trace({ probed: at, generation: runner.generation });
    if (fault === 'probe throws') throw new Error('the database is of another kind');
    const response = await fetch('http://127.0.0.1:' + at.ports[0]);
    return (await response.text()) === 'served' && (await answers(at.paths[0]));
  },
  log: (log) => say({ log }),
  release: () => trace({ did: 'release' }),
  resume: () => trace({ did: 'resume' }),
});
if (!runner.isRehearsal) trace({ did: 'start the scheduler' });
const server = createServer((_, response) => response.end(fault === 'answers wrongly' ? 'oops' : 'served'));
await runner.listen(server, { host: '127.0.0.1', port: Number(process.env.PORT) });
const named = createServer((_, response) => response.end(String(process.pid)));
await runner.listen(named, { path: join(folder, 'daemon.sock') });
if (fault === 'hangs') await new Promise((resolve) => setTimeout(resolve, 60_000));
if (fault === 'throws') throw new Error('not today');
await runner.ready();
trace({ did: 'ready' });
say({ ready: process.pid, generation: runner.generation, isHandedOver: runner.isHandedOver });
setInterval(() => {}, 1000);
`;

interface Traced {
  pid: number;
  did?: string;
  probed?: { ports: number[]; paths: string[] };
  generation?: number;
}

function install(root: string, version: string, fault: string | null = null): void {
  writeTree(root, {
    'package.json': { name: 'daemon', version, type: 'module', bin: 'dist/main.js' },
    'dist/main.js': MAIN,
    'dist/fault.js': `export const fault = ${JSON.stringify(fault)}; // ${version}`,
  });
}

async function start(setup: RunnerSetup = {}, runtime = process.execPath) {
  const root = makeTemp();
  install(root, '1.0.0');
  const folder = makeTemp();
  const port = await findFreePort();
  const stateFile = join(folder, 'state/runner.state.json');
  const temp = makeTemp();
  const env = { PORT: String(port), TMPDIR: temp };
  const runner = await startRunner({ strategy: 'respawn', stateFile, ...setup }, { root, env, runtime });
  const traced = () =>
    readFileSync(join(folder, 'trace'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Traced);
  return { runner, root, folder, temp, port, traced };
}

/** Who answers on a Unix socket. */
const askPath = (socketPath: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const asked = get({ socketPath, agent: false }, (response) => {
      response.setEncoding('utf8').once('data', resolve);
    });
    asked.on('error', reject);
  });

const bun = process.platform === 'linux' ? fetchBun() : undefined;
const RUNTIMES = [
  { name: 'Node', runtime: process.execPath, itHere: it },
  { name: 'Bun', runtime: bun as string, itHere: onlyWith('Bun, on Linux', bun !== undefined) },
];

const readTried = (runner: RunnerProgram) => until('the failure', () => runner.state().distprint.tried ?? undefined);

describe.each(RUNTIMES)('a host that can be rehearsed, on $name', ({ runtime, itHere }) => {
  itHere('is, on a port and a path of its own, with nothing done twice; then it takes over', async () => {
    const { runner, root, folder, port, traced } = await start({}, runtime);
    const path = join(folder, 'daemon.sock');
    expect(await askPath(path)).toBe(String(runner.pid));
    install(root, '2.0.0');
    expect(await runner.ended).toBe(0);
    const heir = await until('the new release', () => runner.said.find(({ generation }) => generation === 2));
    expect(await askPath(path)).toBe(String(heir.ready));
    const [probed, ...others] = traced().filter((each) => each.probed !== undefined);
    expect(others).toEqual([]);
    expect(probed).toMatchObject({
      generation: 2,
      probed: { ports: [expect.any(Number)], paths: [expect.any(String)] },
    });
    const { ports = [], paths = [] } = probed?.probed ?? {};
    expect(ports).not.toContain(port);
    expect(existsSync(dirname(paths[0] as string))).toBe(false);
    const did = traced().filter((each) => each.did !== undefined);
    expect(did.map(({ did }) => did)).toEqual([
      ...['start the scheduler', 'ready'],
      'release',
      ...['start the scheduler', 'ready'],
    ]);
    expect(did.map(({ pid }) => pid)).not.toContain(probed?.pid);
    await until('no temporary file', () => readdirSync(join(folder, 'state')).length === 2 || undefined);
    expect(runner.state().distprint.handOffs).toHaveLength(1);
  });
});

describe('a host that can be rehearsed', () => {
  it.each([
    ['hangs', /did not say "rehearsed" within 4000 ms/],
    ['throws', /not today/],
    ['answers wrongly', /canRehearse said no/],
    ['probe throws', /the database is of another kind/],
  ])(
    'fails in its rehearsal where it %s: the old one never stops, and its host releases nothing',
    async (fault, says) => {
      const { runner, root, temp, port, traced } = await start({ readyTimeoutMs: fault === 'hangs' ? 4_000 : 30_000 });
      let isOver = false;
      let answers = 0;
      const client = (async () => {
        for (; !isOver; answers++) expect(await (await fetch(`http://127.0.0.1:${port}`)).text()).toBe('served');
      })();
      install(root, '2.0.0', fault);
      const { reason } = await readTried(runner);
      isOver = true;
      await client;
      expect(reason).toMatch(says);
      expect(readdirSync(temp)).toEqual([]);
      expect(answers).toBeGreaterThan(10);
      expect(traced().map(({ did }) => did)).not.toContain('release');
      expect(runner.state()).toMatchObject({ pid: runner.pid, distprint: { generation: 1, handOffs: [] } });
    },
  );
});

describe('a host for which it is enough to be ready', () => {
  it('is rehearsed until it is: a release that hangs before fails, the next is moved to', async () => {
    const runner = await startRunner({ strategy: 'respawn', canRehearse: true, readyTimeoutMs: 4_000 });
    runner.upgrade('2.0.0-hangs');
    expect((await readTried(runner)).reason).toMatch(/did not say "rehearsed" within 4000 ms/);
    expect(runner.said.flatMap(({ host }) => host ?? [])).toEqual([]);
    runner.upgrade('3.0.0');
    expect(await runner.ended).toBe(0);
    await until('the next release', () => runner.said.find(({ generation }) => generation === 2));
  });
});
