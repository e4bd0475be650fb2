import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { readState } from '../../src/runner/index.ts';
import { compile } from '../helpers/compile.ts';
import { findFreePort } from '../helpers/free-port.ts';
import { nodeCommand, run } from '../helpers/run.ts';
import { makeTempToRemove, removeTree, writeTree } from '../helpers/temp.ts';
import { until } from '../helpers/wait.ts';
import { BLOCKS } from './pages.ts';
import { makePlayground, playgroundEnv } from './playground.ts';

/** What the examples leave to their reader: for the compiler, and as a module that is loaded before them. */
const TYPES = `
declare const packageDirectory: string;
declare const jobs: Map<string, unknown>;
declare const scheduler: { start(): void; stop(): void };
declare const answer: import('node:http').RequestListener;
`;
const VALUES = `
import { mkdirSync, writeFileSync } from 'node:fs';
mkdirSync('some/dist', { recursive: true });
writeFileSync('some/package.json', '{"version":"1.0.0"}');
writeFileSync('some/dist/a.js', '');
globalThis.packageDirectory = 'some';
globalThis.jobs = new Map();
globalThis.scheduler = { start() {}, stop() {} };
globalThis.answer = (_, response) => response.end('release 1\\n');
`;

const examples = BLOCKS.filter(({ language }) => language === 'ts').map(({ page, line, code }, i) => ({
  name: `example${i}.ts`,
  at: `${page}:${line}`,
  code,
}));
const isDaemon = ({ code }: { code: string }) => code.includes('runner.listen');

let temp: string;
let playground: string;
let errors: Map<string, string[]>;

beforeAll(async () => {
  temp = makeTempToRemove();
  playground = makePlayground();
  const modules = examples.map(({ name, code }): [string, string] => [name, `${code}${TYPES}export {};\n`]);
  errors = await compile(temp, Object.fromEntries(modules));
}, 60_000);
afterAll(() => [temp, playground].forEach(removeTree));

it('the README and each page of the library have examples', () => {
  const doors = examples.map(({ at, code }) => `${at.split(':')[0]} ${/from '(distprint[^']*)'/.exec(code)?.[1]}`);
  expect(doors).toEqual(
    expect.arrayContaining([
      'README.md distprint',
      'README.md distprint/drop-in',
      'README.md distprint/runner',
      'docs/api.md distprint',
      'docs/drop-in.md distprint/drop-in',
      'docs/runner.md distprint/runner',
    ]),
  );
});

it('a whole daemon takes at most 20 lines', () => {
  for (const { code } of examples.filter(isDaemon)) expect(code.trim().split('\n').length).toBeLessThanOrEqual(20);
});

describe.each(examples)('the example at $at', (example) => {
  const { name, code } = example;

  it('compiles', () => {
    expect(errors.get(name)).toEqual([]);
  });

  it.skipIf(isDaemon(example))(
    'runs to its end',
    async () => {
      writeFileSync(join(playground, 'values.mjs'), VALUES);
      // A heartbeat keeps no process alive: this does, until the first beats were due.
      writeFileSync(join(playground, name), `${code}\nsetTimeout(() => {}, 300);`);
      const values = ['--import', pathToFileURL(join(playground, 'values.mjs')).href];
      const command = [...nodeCommand, ...values, name];
      const ran = await run(command, { cwd: playground, env: playgroundEnv(playground) });
      expect({ code: ran.code, stderr: ran.stderr }).toEqual({ code: 0, stderr: '' });
    },
    30_000,
  );
});

/** Installs the example as release `release` of a daemon. */
function writeDaemon(root: string, code: string, release: number): void {
  const main = `// release ${release}\n${VALUES.replace('release 1', `release ${release}`)}${code.replace('release 1', `release ${release}`)}`;
  writeTree(root, {
    'package.json': { name: 'daemon', version: `${release}.0.0`, type: 'module', bin: 'dist/main.js' },
    'dist/main.js': main,
  });
}

describe.each(examples.filter(isDaemon))('the daemon at $at', ({ at, code }) => {
  it('serves, and moves to the next release by itself', { timeout: 90_000 }, async () => {
    const folder = makePlayground();
    const port = await findFreePort();
    const root = join(folder, 'daemon');
    mkdirSync(root);
    writeDaemon(root, code, 1);
    const stateFile = join(folder, 'state/runner.state.json');
    // A host's own: a PID that no process has.
    const own = { pid: 2 ** 22 + 1, machineId: 'of the host' };
    writeTree(join(folder, 'state'), { 'runner.state.json': own });
    // As fixtures/supervisors/detached/start.sh: this process must not be taken for one that waits.
    spawn('setsid', ['sh', '-c', '"$@" &', 'sh', process.execPath, join(root, 'dist/main.js')], {
      cwd: folder,
      stdio: 'ignore',
      env: { ...playgroundEnv(folder), PORT: String(port), DISTPRINT_STATE_FILE: stateFile },
    });
    const pids = new Set<number>();
    const notePid = () => pids.add(readState(stateFile)?.pid ?? 0);
    onTestFinished(() => {
      notePid();
      for (const pid of pids) if (pid > 0) tryKill(pid);
      removeTree(folder);
    });
    await until('release 1', async () => ((await ask(port)) === 'release 1\n' ? true : undefined), 50, 20_000);
    notePid();
    if (at.startsWith('docs/runner.md')) expect(await askDaemon(folder, stateFile)).toEqual(documentedAnswers());
    writeDaemon(root, code, 2);
    await until('release 2', async () => ((await ask(port)) === 'release 2\n' ? true : undefined), 50, 60_000);
    const state = readState(stateFile);
    expect(state).toMatchObject({ httpPort: port, machineId: 'of the host', distprint: { generation: 2 } });
    if (code.includes('HAPI'))
      expect(state).toMatchObject({ startedWithCliVersion: '2.0.0', startedWithCliMtimeMs: state?.distprint?.token });
  });
});

/** What `status` and `doctor` say of it, without what differs from run to run. */
async function askDaemon(folder: string, stateFile: string): Promise<string> {
  const { stdout } = await run(
    ['sh', '-c', "echo '$ distprint status'; distprint status; echo '$ distprint doctor'; distprint doctor"],
    { cwd: folder, env: { ...playgroundEnv(folder), DISTPRINT_STATE_FILE: stateFile } },
  );
  return withoutChance(stdout);
}

function documentedAnswers(): string {
  const [block] = BLOCKS.filter(({ code }) => code.startsWith('$ distprint status\nrunner     process'));
  return withoutChance(block?.code ?? '');
}

const withoutChance = (text: string) =>
  text
    .replace(/process \d+/g, 'process PID')
    .replace(/^port .*$/m, 'port N')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replace(/^watches .*$/m, 'watches PATH')
    .replace(/xxh64-\w+/g, 'FINGERPRINT');

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended
  }
}

function ask(port: number): Promise<string> {
  return new Promise((resolve) => {
    get({ port, host: '127.0.0.1', agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (more) => {
        text += more;
      });
      response.on('end', () => resolve(text));
    }).on('error', () => resolve(''));
  });
}
