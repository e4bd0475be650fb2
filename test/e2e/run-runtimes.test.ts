import { cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject } from 'vitest';
import { findFreePort } from '../helpers/free-port.ts';
import { inForm } from '../helpers/long.ts';
import { needs } from '../helpers/needs.ts';
import { makePackage } from '../helpers/temp.ts';
import { startWrapper } from '../helpers/wrapper.ts';
import { touchAll } from './host.ts';
import { ask, cliIn, expectMoves } from './moves.ts';
import { fetchBun, fetchNode, fetchTool } from './tools.ts';

interface Server {
  readonly name: string;
  /** Runs distprint as well, where it is a Node. */
  readonly program: string | undefined;
  readonly node: string | undefined;
  readonly source: string;
  readonly isShort?: boolean;
}

const NODE = `import { createServer } from 'node:http';
import { version } from './version.js';
const server = createServer((_, response) => response.end(version + ' ' + process.pid));
server.listen(Number(process.argv[3]), '127.0.0.1');
`;
const BUN = `import { version } from './version.js';
Bun.serve({ port: Number(process.argv[3]), hostname: '127.0.0.1', fetch: () => new Response(version + ' ' + process.pid) });
`;

const nodeOf = (major: '20' | '22' | '24' | '26', isShort: boolean): Server => {
  const program = fetchNode(major);
  return { name: `Node ${major}`, program, node: program, source: NODE, isShort };
};

const servers: readonly Server[] = [
  nodeOf('20', true),
  nodeOf('22', false),
  nodeOf('24', false),
  nodeOf('26', true),
  { name: 'Bun', program: fetchBun(), node: process.execPath, source: BUN, isShort: true },
];

const installed = inject('installed');

const makeProject = (source: string) =>
  makePackage({
    'package.json': { name: 'example', version: '1.0.0', type: 'module' },
    'dist/server.js': source,
    'dist/version.js': versionOf('one'),
  });
const versionOf = (version: string) => `export const version = '${version}';\n`;

/** A whole `dist`, by rename. */
function replaceDist(root: string, version: string): void {
  const next = join(root, 'node_modules/.next');
  mkdirSync(next, { recursive: true });
  cpSync(join(root, 'dist'), next, { recursive: true });
  writeFileSync(join(next, 'version.js'), versionOf(version));
  rmSync(join(root, 'dist'), { recursive: true });
  renameSync(next, join(root, 'dist'));
}

describe.each(inForm('runtimes', servers, ({ isShort }) => isShort === true))('distprint run on $name', (server) => {
  const { name, program, node, source } = server;
  needs(name, program !== undefined && node !== undefined)(
    'keeps a server through touches and the same bytes; other bytes are one restart, with the same words',
    async () => {
      const root = makeProject(source);
      const port = await findFreePort();
      const words = [program as string, 'dist/server.js', '--port', String(port), 'two words', '$HOME', ''];
      const run = startWrapper(['--verbose'], words, { cwd: root, cli: [node as string, cliIn(installed)] });
      const pids = await expectMoves(run, {
        touch: () => touchAll(join(root, 'dist')),
        same: () => replaceDist(root, 'one'),
        other: () => replaceDist(root, 'two'),
        ask: () => ask({ port }),
      });
      expect(await ask({ port })).toBe(`two ${pids[1]}`);
      expect(await run.end('SIGTERM')).toEqual({ code: null, signal: 'SIGTERM' });
    },
  );
});

const fastify = fetchTool('fastify@5.6.2');
const FASTIFY = `import { createRequire } from 'node:module';
import { version } from './version.js';
const app = createRequire(${JSON.stringify(`${fastify}/`)})('fastify')({ return503OnClosing: false });
app.get('/', async () => version + ' ' + process.pid);
process.on('SIGTERM', () => app.close().then(() => process.exit()));
const given = process.env.LISTEN_PID === String(process.pid);
await app.listen(given ? { fd: 3 } : { port: 4000 });
`;

/** A connection that was accepted by a process that then ended. */
const CUT = ['ECONNRESET', 'EPIPE'];

describe.each(['stop-first', 'start-first'])('distprint run --listen, %s', (restart) => {
  needs('fastify', fastify !== undefined)(
    'a fastify server refuses nobody, whatever is done to its build',
    async () => {
      const root = makeProject(FASTIFY);
      const port = await findFreePort();
      const options = ['--verbose', '--restart', restart, '--listen', `127.0.0.1:${port}`];
      const ready = ['--ready', `http://127.0.0.1:${port}/`];
      const command = [process.execPath, 'dist/server.js', 'two words'];
      const run = startWrapper([...options, ...ready], command, {
        cwd: root,
        cli: [process.execPath, cliIn(installed)],
      });
      await run.event('started');
      const answers: string[] = [];
      let isOver = false;
      const client = async () => {
        while (!isOver) answers.push(await ask({ port }));
      };
      const clients = [client(), client()];
      try {
        const pids = await expectMoves(run, {
          touch: () => touchAll(join(root, 'dist')),
          same: () => replaceDist(root, 'one'),
          other: () => replaceDist(root, 'two'),
          ask: () => ask({ port }),
        });
        const expected = [`one ${pids[0]}`, `two ${pids[1]}`, ...CUT];
        expect(answers.filter((answer) => !expected.includes(answer))).toEqual([]);
        expect(new Set(answers)).toEqual(
          new Set([...answers.filter((answer) => CUT.includes(answer)), ...expected.slice(0, 2)]),
        );
      } finally {
        isOver = true;
        await Promise.all(clients);
      }
      process.stderr.write(`fastify, ${restart}: ${answers.length} requests, 0 refused\n`);
    },
  );
});
