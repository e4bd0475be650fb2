import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openSockets, withListenPid } from '../../../src/cli/run/listen.ts';
import { findGiven, type GivenSocket, listGiven, toSocketName } from '../../../src/runner/handoff/given-sockets.ts';
import { fetchBun } from '../../e2e/tools.ts';
import { built } from '../../helpers/built.ts';
import { findFreePort } from '../../helpers/free-port.ts';
import { needs, onlyWith } from '../../helpers/needs.ts';
import { makeTemp, writeTree } from '../../helpers/temp.ts';

const itOnLinux = onlyWith('Linux', process.platform === 'linux');

/** Listens on what it is asked for in turn, says on which descriptors, and answers with its name. */
const HOST = `
  import { createServer } from 'node:http';
  import { createSockets } from ${JSON.stringify(built('runner/handoff/sockets.js'))};
  const { passed = [], asked, name } = JSON.parse(process.argv[2]);
  const sockets = createSockets(passed);
  for (const each of asked) await sockets.listen(createServer((_, response) => response.end(name)), each);
  process.on('SIGUSR2', () => { sockets.release(); console.log('{}'); });
  process.on('SIGTERM', async () => { await sockets.drain(1_000); process.exit(); });
  console.log(JSON.stringify({ open: sockets.open(), areGiven: sockets.areGiven() }));`;

interface Told {
  readonly open: readonly { asked: string; port: number; fd: number | null; isGiven?: boolean }[];
  readonly areGiven: boolean;
}

interface Start {
  readonly asked: readonly object[];
  readonly given?: readonly string[];
  readonly passed?: readonly object[];
  readonly name?: string;
  readonly command?: readonly string[];
  readonly fds?: readonly number[];
  readonly isForUs?: boolean;
}

async function start({ given = [], command = [process.execPath], isForUs = true, ...rest }: Start) {
  const sockets = await openSockets(given, {});
  onTestFinished(() => sockets.close());
  return startWith(sockets.fds, isForUs ? sockets.env : { ...sockets.env, LISTEN_PID: '1' }, {
    command,
    isForUs,
    ...rest,
  });
}

async function startWith(
  fds: readonly number[],
  env: Record<string, string>,
  { command = [process.execPath], isForUs, ...rest }: Omit<Start, 'given'>,
) {
  const root = makeTemp();
  writeTree(root, { 'host.mjs': HOST });
  const words = [...command, join(root, 'host.mjs'), JSON.stringify({ name: 'host', ...rest })];
  const [file = '', ...args] = isForUs ? withListenPid(words) : words;
  const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit', ...fds] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout as Readable });
  const [line] = await once(lines, 'line');
  return { child, lines, told: JSON.parse(line) as Told, fds };
}

const ask = (where: object): Promise<string> =>
  new Promise((resolve) => {
    get({ ...where, agent: false }, (response) => {
      response.setEncoding('utf8').once('data', resolve);
    }).on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });

const stop = async (child: ChildProcess) => {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
};

describe("a runner's listen", () => {
  itOnLinux('takes the sockets that were given, by port and path, in whatever order', async () => {
    const [a, b] = [await findFreePort(), await findFreePort()];
    const path = join(makeTemp(), 'a.sock');
    const { told, child } = await start({
      given: [`127.0.0.1:${a}`, path, String(b)],
      asked: [{ host: '127.0.0.1', port: b }, { port: a }, { path }],
    });
    expect(told.open).toEqual([
      { asked: `tcp 127.0.0.1 ${b}`, port: b, fd: 5, isGiven: true },
      { asked: `tcp  ${a}`, port: a, fd: 3, isGiven: true },
      { asked: `unix ${path}`, port: 0, fd: 4, isGiven: true },
    ]);
    expect(told.areGiven).toBe(true);
    for (const where of [{ port: a }, { port: b }, { socketPath: path }]) expect(await ask(where)).toBe('host');
    await stop(child);
  });

  itOnLinux('leaves what is for another address, and listens by itself', async () => {
    const [a, b] = [await findFreePort(), await findFreePort()];
    const { told } = await start({
      given: [`127.0.0.2:${a}`, `127.0.0.1:${b}`],
      asked: [{ host: '127.0.0.1', port: a }, { port: 0 }],
    });
    expect(told.open.map(({ isGiven }) => isGiven)).toEqual([undefined, undefined]);
    expect(told.areGiven).toBe(false);
    expect(await ask({ host: '127.0.0.1', port: a })).toBe('host');
  });

  itOnLinux('leaves what was given to another process', async () => {
    const [a, b] = [await findFreePort(), await findFreePort()];
    const { told } = await start({ given: [`127.0.0.1:${a}`], asked: [{ port: b }], isForUs: false });
    expect(told.open).toMatchObject([{ port: b }]);
    expect(told.areGiven).toBe(false);
  });

  itOnLinux('goes on listening when it is released, and passes the socket on', async () => {
    const port = await findFreePort();
    const asked = [{ host: '127.0.0.1', port }];
    const sockets = await openSockets([`127.0.0.1:${port}`], {});
    onTestFinished(() => sockets.close());
    const old = await startWith(sockets.fds, sockets.env, { asked, name: 'old', isForUs: true });
    old.child.kill('SIGUSR2');
    await once(old.lines, 'line');
    expect(await ask({ port })).toBe('old');
    // As its replacement is started: the socket at 4, with the variables of the first process.
    const passed = [{ ...old.told.open[0], fd: 4 }];
    const fds = [sockets.fds[0] as number, sockets.fds[0] as number];
    const env = { ...sockets.env, LISTEN_PID: String(old.child.pid) };
    const next = await startWith(fds, env, { asked, passed, name: 'new', isForUs: false });
    expect(next.told).toMatchObject({ open: [{ port, fd: 4, isGiven: true }], areGiven: true });
    await stop(old.child);
    expect(await ask({ port })).toBe('new');
    await stop(next.child);
    const waiting = ask({ port });
    const third = await startWith(sockets.fds, sockets.env, { asked, name: 'third', isForUs: true });
    expect(await waiting).toBe('third');
    await stop(third.child);
  });

  const bun = fetchBun();
  needs('Bun', bun !== undefined && process.platform === 'linux')('serves HTTP on it under Bun too', async () => {
    const port = await findFreePort();
    const path = join(makeTemp(), 'a.sock');
    const { told, child } = await start({
      given: [`127.0.0.1:${port}`, path],
      asked: [{ port }, { path }],
      command: [bun as string],
    });
    expect(told.open).toMatchObject([{ port, isGiven: true }, { isGiven: true }]);
    expect(await ask({ port })).toBe('host');
    expect(await ask({ socketPath: path })).toBe('host');
    await stop(child);
  });
});

describe('listGiven', () => {
  const me = String(process.pid);
  it.each([
    [{}],
    [{ LISTEN_PID: '1', LISTEN_FDS: '1' }],
    [{ LISTEN_PID: me }],
    [{ LISTEN_PID: me, LISTEN_FDS: '' }],
    [{ LISTEN_PID: me, LISTEN_FDS: '0' }],
    [{ LISTEN_PID: me, LISTEN_FDS: '-1' }],
    [{ LISTEN_PID: me, LISTEN_FDS: 'x' }],
    [{ LISTEN_PID: me, LISTEN_FDS: '1e9' }],
  ])('finds none in %j', (env) => {
    expect(listGiven(env)).toEqual([]);
  });

  it('names them, and those without a name', () => {
    const names = (LISTEN_FDNAMES?: string) =>
      listGiven({ LISTEN_PID: me, LISTEN_FDS: '2', ...(LISTEN_FDNAMES !== undefined && { LISTEN_FDNAMES }) }).map(
        ({ fd, name }) => [fd, name],
      );
    expect(names('a:b')).toEqual([
      [3, 'a'],
      [4, 'b'],
    ]);
    expect(names('a')).toEqual([
      [3, 'a'],
      [4, 'unknown'],
    ]);
    expect(names()).toEqual([
      [3, 'unknown'],
      [4, 'unknown'],
    ]);
  });
});

describe('findGiven', () => {
  const at = (fd: number, address: GivenSocket['address'], name = 'unknown'): GivenSocket => ({ fd, name, address });

  it.each([
    ['127.0.0.1', '127.0.0.1', true],
    ['127.0.0.1', undefined, true],
    ['127.0.0.1', '0.0.0.0', true],
    ['::', '127.0.0.1', true],
    ['127.0.0.1', 'localhost', true],
    ['127.0.0.1', '127.0.0.2', false],
    ['::1', '127.0.0.1', false],
  ])('a socket on %s for a server on %s: %s', (host, wanted, isIt) => {
    expect(findGiven([at(3, { host, port: 4000 })], { port: 4000, host: wanted })?.fd).toBe(isIt ? 3 : undefined);
    expect(findGiven([at(3, { host, port: 4000 })], { port: 4001, host: wanted })).toBeUndefined();
  });

  it('prefers the same host, whatever the order', () => {
    const given = [at(3, { host: '::', port: 4000 }), at(4, { host: '127.0.0.1', port: 4000 })];
    expect(findGiven(given, { port: 4000, host: '127.0.0.1' })?.fd).toBe(4);
  });

  it('goes by the name where no address can be seen', () => {
    const given = [at(3, undefined, '4000'), at(4, undefined, 'a_b.sock'), at(5, undefined)];
    expect(findGiven(given, { port: 4000 })?.fd).toBe(3);
    expect(findGiven(given, { path: '/run/a b.sock' })?.fd).toBe(4);
    expect(findGiven(given, { port: 4001 })).toBeUndefined();
    expect(findGiven(given, { port: 0 })).toBeUndefined();
  });

  it('a name holds no colon, no control character, and at most 255 characters', () => {
    expect(toSocketName('a:b\n c\u{1f600}')).toBe('a_b__c__');
    expect(toSocketName('x'.repeat(300))).toHaveLength(255);
  });
});
