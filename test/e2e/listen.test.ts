import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { describe, expect, onTestFinished } from 'vitest';
import { openSockets, withListenPid } from '../../src/cli/run/listen.ts';
import { blocksOf, codeIn, readPage } from '../docs/pages.ts';
import { findFreePort } from '../helpers/free-port.ts';
import { inForm } from '../helpers/long.ts';
import { needs } from '../helpers/needs.ts';
import { nodeCommand, plainEnv, repository, run } from '../helpers/run.ts';
import { makeTemp, writeTree } from '../helpers/temp.ts';
import { fetchBun, fetchNode, fetchTool } from './tools.ts';

/** As docs/run.md shows them. What it leaves to its reader stands before them. */
const [NODE_HTTP, FASTIFY, BUN] = blocksOf('docs/run.md', 'js').map(({ code }) => code);
const [FASTIFY_UNIX] = codeIn(/^On a Unix socket, .*$/m.exec(readPage('docs/run.md'))?.[0] ?? '');

const END = (close: string) => `process.on('SIGTERM', () => ${close});\n`;

interface App {
  readonly name: string;
  readonly command: string | undefined;
  readonly text: (isPath: boolean) => string;
  readonly isShort?: boolean;
}

const node = (major: '20' | '22' | '24' | '26', isShort: boolean): App => ({
  name: `node:http on Node ${major}`,
  command: fetchNode(major),
  isShort,
  text: () => `import { createServer } from 'node:http';
    const server = createServer((_, response) => response.end(String(process.pid)));
    ${END('server.close(() => process.exit())')}
    ${NODE_HTTP}`,
});

const fastify = fetchTool('fastify@5.6.2');
const apps: readonly App[] = [
  node('20', true),
  node('22', false),
  node('24', false),
  node('26', true),
  {
    name: 'fastify',
    command: fastify && process.execPath,
    isShort: true,
    text: (isPath) => `import { createRequire } from 'node:module';
    const app = createRequire(${JSON.stringify(`${fastify}/`)})('fastify')({ return503OnClosing: false });
    app.get('/', async () => String(process.pid));
    ${END('app.close().then(() => process.exit())')}
    ${isPath ? FASTIFY_UNIX : FASTIFY}`,
  },
  {
    name: 'Bun',
    command: fetchBun(),
    isShort: true,
    text: () => `import { createServer } from 'node:http';
    import { createServer as createTcpServer } from 'node:net';
    const server = createServer((_, response) => response.end(String(process.pid)));
    ${END('process.exit()')}
    ${BUN}`,
  },
];

const isLong = process.env.DISTPRINT_LONG === '1';
const CONNECTIONS = isLong ? 10_000 : 400;
const RESTARTS = isLong ? 50 : 3;
const AT_ONCE = 10;

/** A server that ends cuts what it has accepted. How many depends on how it ends, not on the socket. */
const CUT = ['ECONNRESET', 'EPIPE'];

const ask = (where: object): Promise<string> =>
  new Promise((resolve) => {
    get({ ...where, agent: false }, (response) => {
      response.setEncoding('utf8').on('data', resolve);
    }).on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });

describe.each(inForm('servers', apps, ({ isShort }) => isShort === true))('$name', ({ name, command, text }) => {
  const it = needs(name, command !== undefined);

  for (const kind of ['TCP', 'Unix']) {
    it(`refuses nobody on ${kind}: ${CONNECTIONS} connections, ${RESTARTS} restarts`, {
      timeout: 600_000,
    }, async () => {
      const root = makeTemp();
      const port = await findFreePort();
      const socketPath = join(root, 'a.sock');
      const isPath = kind === 'Unix';
      writeTree(root, { 'app.mjs': text(isPath) });
      const sockets = await openSockets([isPath ? socketPath : `127.0.0.1:${port}`], {});
      onTestFinished(() => sockets.close());
      const where = isPath ? { socketPath } : { port, host: '127.0.0.1' };
      const begin = () => startWith(sockets, [command as string, join(root, 'app.mjs')]);
      const answers: string[] = [];
      let isOver = false;
      const client = async () => {
        while (!isOver || answers.length < CONNECTIONS) answers.push(await ask(where));
      };
      let child = begin();
      const pids = [child.pid];
      answers.push(await ask(where)); // who comes before it listens waits
      const clients = Promise.all(Array.from({ length: AT_ONCE }, client));
      for (let restart = 0; restart < RESTARTS; restart++) {
        const ended = once(child, 'exit');
        child.kill('SIGTERM');
        await ended;
        child = begin();
        pids.push(child.pid);
        const before = answers.length;
        while (answers.length < before + CONNECTIONS / RESTARTS) await new Promise((resolve) => setImmediate(resolve));
      }
      isOver = true;
      await clients;
      const pidsAsSaid = pids.map(String);
      const failures = answers.filter((answer) => !pidsAsSaid.includes(answer));
      expect(failures.filter((failure) => !CUT.includes(failure))).toEqual([]);
      expect(pidsAsSaid.filter((pid) => !answers.includes(pid))).toEqual([]);
      process.stderr.write(`${name}, ${kind}: ${answers.length} connections, 0 refused, ${failures.length} cut\n`);
    });
  }
});

describe('the wrapper itself, without a warning', () => {
  const script = `import { openSockets } from ${JSON.stringify(`${repository}src/cli/run/listen.ts`)};
    import { connect } from 'node:net';
    const sockets = await openSockets(process.argv.slice(2), {});
    await new Promise((resolve, reject) => connect(process.argv[3]).on('connect', resolve).on('error', reject));
    sockets.close();
    console.log(sockets.fds.length);
    process.exit();`;

  for (const major of ['20', '22', '24', '26'] as const) {
    const program = fetchNode(major);
    needs(`Node ${major}`, program !== undefined)(`opens sockets on Node ${major}, and removes them`, async () => {
      const root = makeTemp();
      const path = join(root, 'a.sock');
      writeTree(root, { 'wrapper.mjs': script });
      const [, ...flags] = nodeCommand;
      const command = [program as string, ...flags, join(root, 'wrapper.mjs'), String(await findFreePort()), path];
      expect(await run(command, { env: plainEnv })).toEqual({ code: 0, stdout: '2\n', stderr: '' });
      expect(existsSync(path)).toBe(false);
    });
  }
});

function startWith(sockets: Awaited<ReturnType<typeof openSockets>>, words: readonly string[]): ChildProcess {
  const [file = '', ...args] = withListenPid(words);
  const env = { ...process.env, ...sockets.env };
  const child = spawn(file, args, { env, stdio: ['ignore', 'ignore', 'inherit', ...sockets.fds] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}
