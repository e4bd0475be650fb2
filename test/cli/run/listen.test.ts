import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished } from 'vitest';
import { openSockets, withListenPid } from '../../../src/cli/run/listen.ts';
import { findFreePort } from '../../helpers/free-port.ts';
import { inForm } from '../../helpers/long.ts';
import { isPosix, isRoot, onlyWith } from '../../helpers/needs.ts';
import { makeTemp } from '../../helpers/temp.ts';

const it = onlyWith('sockets that can be passed on, which Windows has not', isPosix);
const itOnLinux = onlyWith('Linux', process.platform === 'linux');

async function open(addresses: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const sockets = await openSockets(addresses, env);
  onTestFinished(() => sockets.close());
  return sockets;
}

type Sockets = Awaited<ReturnType<typeof open>>;

/** As the wrapper starts a command: its output is read, for what it says of itself. */
function startWith(sockets: Sockets, command: readonly string[]): ChildProcess {
  const [file = '', ...args] = withListenPid(command);
  const env = { ...process.env, ...sockets.env };
  const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'inherit', ...sockets.fds] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

const firstWords = async (child: ChildProcess) => String((await once(child.stdout as NodeJS.EventEmitter, 'data'))[0]);

const allWords = async (child: ChildProcess) => {
  const read: Buffer[] = [];
  child.stdout?.on('data', (bytes: Buffer) => read.push(bytes));
  await once(child, 'close');
  return Buffer.concat(read).toString();
};

/** What a server says, or why it can't be asked. */
const ask = (where: { port: number; host: string } | { path: string }): Promise<string> =>
  new Promise((resolve) => {
    let said = '';
    const socket = connect(where as { path: string });
    socket.on('data', (bytes) => {
      said += bytes;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on('end', () => resolve(said));
  });

/** Answers with its PID; stops as a well-behaved server does. */
const SERVER = `const server = require('node:net').createServer((socket) => socket.on('error', () => {}).end(String(process.pid)));
  server.listen({ fd: 3 }, () => console.log('listens'));
  process.on('SIGTERM', () => server.close(() => process.exit()));`;

describe('a command', () => {
  it('is told of its sockets as systemd tells it', async () => {
    const port = await findFreePort();
    const path = join(makeTemp(), 'a b:c.sock');
    const sockets = await open([`127.0.0.1:${port}`, path, `[::1]:${port}`]);
    expect(sockets.fds).toHaveLength(3);
    const names = `${port}:a_b_c.sock:${port}`;
    expect(sockets.env).toEqual({ LISTEN_FDS: '3', LISTEN_FDNAMES: names });
    const script = `const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = process.env;
      console.log(JSON.stringify([Number(LISTEN_PID) === process.pid, LISTEN_FDS, LISTEN_FDNAMES, process.argv.slice(1)]));`;
    const child = startWith(sockets, ['node', '-e', script, '--', 'a b', '', '$HOME', 'c\n']);
    expect(JSON.parse(await firstWords(child))).toEqual([true, '3', names, ['a b', '', '$HOME', 'c\n']]);
  });

  onlyWith('bash', isPosix && existsSync('/bin/bash'))('keeps variables whose names are none for a shell', async () => {
    const sockets = await open([`127.0.0.1:${await findFreePort()}`]);
    const odd = { 'a.b': 'x y', 'C-D': '$E', BASH_ENV: '/nonexistent' };
    const env = { ...process.env, ...odd };
    const [file = '', ...args] = withListenPid(['node', '-p', 'JSON.stringify(process.env)'], env);
    const shown = spawnSync(file, args, { env, stdio: ['ignore', 'pipe', 'inherit', ...sockets.fds] });
    expect(shown.status).toBe(0);
    expect(JSON.parse(shown.stdout.toString())).toMatchObject(odd);
  });

  itOnLinux('gets blocking sockets, as from systemd', async () => {
    const path = join(makeTemp(), 'a.sock');
    const sockets = await open([`127.0.0.1:${await findFreePort()}`, path]);
    const show = 'for fd in 3 4; do grep flags "/proc/self/fdinfo/$fd"; done';
    const flags = (await allWords(startWith(sockets, ['/bin/sh', '-c', show]))).match(/\d+/g) as string[];
    const NON_BLOCKING = 0o4000; // O_NONBLOCK, open(2)
    expect(flags.map((each) => Number.parseInt(each, 8) & NON_BLOCKING)).toEqual([0, 0]);
  });

  it('has none of it without sockets', async () => {
    expect(await open([])).toMatchObject({ fds: [], env: {} });
  });

  it('answers who came before it was there, and who comes after', async () => {
    const port = await findFreePort();
    const path = join(makeTemp(), 'a.sock');
    for (const [address, where] of [
      [`127.0.0.1:${port}`, { port, host: '127.0.0.1' }],
      [path, { path }],
    ] as const) {
      const sockets = await open([address]);
      const early = ask(where);
      const child = startWith(sockets, ['node', '-e', SERVER]);
      expect(await early).toBe(String(child.pid));
      expect(await ask(where)).toBe(String(child.pid));
      child.kill('SIGTERM');
      await once(child, 'exit');
      const between = ask(where);
      const next = startWith(sockets, ['node', '-e', SERVER]);
      expect(await between).toBe(String(next.pid));
    }
  });

  itOnLinux('gets a port on both families where no host is given', async () => {
    const port = await findFreePort();
    const child = startWith(await open([String(port)]), ['node', '-e', SERVER]);
    expect(await ask({ port, host: '127.0.0.1' })).toBe(String(child.pid));
    expect(await ask({ port, host: '::1' })).toBe(String(child.pid));
  });
});

const port = await findFreePort();

describe('the wrapper', () => {
  it('never accepts a connection by itself', async () => {
    const port = await findFreePort();
    await open([`127.0.0.1:${port}`]);
    const socket = connect(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
    let isHeard = false;
    socket.once('close', () => {
      isHeard = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(isHeard).toBe(false);
  });

  it('lets go of the port, and removes the path', async () => {
    const port = await findFreePort();
    const path = join(makeTemp(), 'a.sock');
    const sockets = await open([`127.0.0.1:${port}`, path]);
    expect(lstatSync(path).isSocket()).toBe(true);
    sockets.close();
    sockets.close();
    const again = await open([`127.0.0.1:${port}`]);
    expect(again.fds).toHaveLength(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(existsSync(path)).toBe(false);
  });

  it('replaces the path that a killed process left', async () => {
    const path = join(makeTemp(), 'a.sock');
    const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script]);
    expect(await ask({ path })).toBe('ECONNREFUSED');
    const asked = open([path]).then((sockets) => startWith(sockets, ['node', '-e', SERVER]));
    expect(await asked.then(() => ask({ path }))).toBe(String((await asked).pid));
  });

  it.each([
    [['0'], /from 1 to 65535/],
    [['x'], /no address; write 4000/],
    [['4000', '4000'], /it is given twice/],
    [['no-such-host.invalid:4000'], /no such host/],
    [['/proc/a.sock'], /can't be listened on/],
    [[String(port), '/etc/passwd'], /something else than a socket/],
    [[`192.0.2.1:${port}`], /can't be listened on \(EADDRNOTAVAIL\)/],
  ])('refuses %j', async (addresses, message) => {
    await expect(open(addresses)).rejects.toMatchObject({
      code: 'ERR_DISTPRINT_OPTION',
      message: expect.stringMatching(message),
    });
    await open([String(port)]); // what was opened before is closed again
  });

  it('names who has the port', async () => {
    const busy = await findFreePort();
    const server = createServer().listen(busy, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const name = process.platform === 'linux' ? ` by PID ${process.pid} \\(.+\\)` : '';
    await expect(open([`127.0.0.1:${busy}`])).rejects.toMatchObject({
      message: expect.stringMatching(`--listen 127.0.0.1:${busy}: it is in use${name} \\(EADDRINUSE\\)`),
    });
  });

  it('leaves a path on which somebody answers', async () => {
    const path = join(makeTemp(), 'a.sock');
    const sockets = await open([path]);
    await expect(open([path])).rejects.toThrow(/it is in use/);
    const asked = ask({ path });
    const child = startWith(sockets, ['node', '-e', SERVER]);
    expect(await asked).toBe(String(child.pid));
  });

  it('of two, on one port, only one gets it', async () => {
    const both = await findFreePort();
    const results = await Promise.allSettled([open([String(both)]), open([String(both)])]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  onlyWith('an ordinary user', !isRoot && process.platform === 'linux')('says why a low port is refused', async () => {
    await expect(open(['127.0.0.1:81'])).rejects.toThrow(/EACCES/);
  });
});

describe('sockets that were given to the wrapper', () => {
  /** Runs the wrapper's part in a process that has sockets from 3 on, as systemd would start it; it starts a command that shows its own. */
  async function runGiven(addresses: readonly string[], wanted: readonly string[], isForUs = true) {
    const given = await open(addresses);
    const file = join(makeTemp(), 'wrapper.mjs');
    const modules = new URL('../../../src/cli/run/listen.ts', import.meta.url);
    writeFileSync(
      file,
      `import { spawnSync } from 'node:child_process';
      import { openSockets, withListenPid } from ${JSON.stringify(modules.href)};
      const { fds, env } = await openSockets(${JSON.stringify(wanted)}, process.env);
      for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete process.env[name];
      const show = 'echo "$LISTEN_FDS $LISTEN_FDNAMES"; for i in 3 4 5; do [ -e /proc/self/fd/$i ] && echo $i; done';
      const [command, ...args] = withListenPid(['/bin/sh', '-c', show]);
      spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit', ...fds], env: { ...process.env, ...env } });
      process.exit();`,
    );
    const tsx = new URL(import.meta.resolve('tsx')).href;
    const command = ['node', '--import', tsx, file];
    const child = isForUs
      ? startWith({ ...given, env: { ...given.env, LISTEN_FDNAMES: 'web:admin' } }, command)
      : startWith({ ...given, env: { ...given.env, LISTEN_FDNAMES: 'web' } }, [
          '/bin/sh',
          '-c',
          '"$@"; true',
          'sh',
          ...command,
        ]);
    return allWords(child);
  }

  itOnLinux('come first, with their names, and stand for the address that they have', async () => {
    const [a, b, c] = [await findFreePort(), await findFreePort(), await findFreePort()];
    const said = await runGiven([`127.0.0.1:${a}`, `127.0.0.1:${b}`], [`127.0.0.1:${b}`, `127.0.0.1:${c}`]);
    expect(said).toBe(`3 web:admin:${c}\n3\n4\n5\n`);
  });

  itOnLinux('are left alone where they are meant for another process', async () => {
    const [a, c] = [await findFreePort(), await findFreePort()];
    expect(await runGiven([`127.0.0.1:${a}`], [`127.0.0.1:${c}`], false)).toBe(`1 ${c}\n3\n`);
  });
});

describe('nobody is refused between two processes', () => {
  const CONNECTIONS = process.env.DISTPRINT_LONG === '1' ? 10_000 : 1_000;
  const RESTARTS = process.env.DISTPRINT_LONG === '1' ? 50 : 5;
  const AT_ONCE = 20;

  const cases = ['tcp', 'unix'].flatMap((kind) => ['stop-first', 'start-first'].map((how) => ({ kind, how })));
  const few = inForm(
    'ways to restart under connections',
    cases,
    ({ kind, how }) => (kind === 'tcp') === (how === 'stop-first'),
  );

  it.each(few)(
    `$kind, $how: ${CONNECTIONS} connections, ${RESTARTS} restarts`,
    { timeout: 300_000 },
    async ({ kind, how }) => {
      const port = await findFreePort();
      const path = join(makeTemp(), 'a.sock');
      const sockets = await open([kind === 'tcp' ? `127.0.0.1:${port}` : path]);
      const where = kind === 'tcp' ? { port, host: '127.0.0.1' } : { path };
      const answers: string[] = [];
      let isOver = false;
      const begin = async () => {
        const child = startWith(sockets, ['node', '-e', SERVER]);
        await firstWords(child);
        return child;
      };
      const client = async () => {
        while (!isOver || answers.length < CONNECTIONS) answers.push(await ask(where));
      };
      let child = await begin();
      const pids = [child.pid];
      const clients = Promise.all(Array.from({ length: AT_ONCE }, client));
      for (let restart = 1; restart <= RESTARTS; restart++) {
        while (answers.length < (CONNECTIONS / (RESTARTS + 1)) * restart)
          await new Promise((resolve) => setImmediate(resolve));
        const old = child;
        const ended = once(old, 'exit');
        if (how === 'stop-first') {
          old.kill('SIGTERM');
          await ended;
          child = await begin();
        } else {
          child = await begin();
          old.kill('SIGTERM');
          await ended;
        }
        pids.push(child.pid);
      }
      isOver = true;
      await clients;
      const said = new Set(answers);
      expect([...said].sort()).toEqual(pids.map(String).sort());
      expect(answers.length).toBeGreaterThanOrEqual(CONNECTIONS);
    },
  );
});
