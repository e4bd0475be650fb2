import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttp } from 'node:http';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openSockets, withListenPid } from '../../../src/cli/run/listen.ts';
import { probe } from '../../../src/cli/run/probe.ts';
import {
  NotReady,
  needsIpc,
  needsOutput,
  noteBefore,
  parseReady,
  type Waiting,
  waitUntilReady,
  whyAmbiguous,
} from '../../../src/cli/run/ready.ts';
import { findFreePort } from '../../helpers/free-port.ts';
import { isPosix, isWindows, onlyWith } from '../../helpers/needs.ts';
import { makeTemp, writeTree } from '../../helpers/temp.ts';
import { until } from '../../helpers/wait.ts';

const itOnLinux = onlyWith('Linux', process.platform === 'linux');

const node = isWindows ? process.execPath : 'node'; // Wine has none on PATH
const start = (script: string, stdio: StdioOptions = 'ignore') => startCommand([node, '-e', script], stdio);

function startCommand(command: readonly string[], stdio: StdioOptions = 'ignore', env: Record<string, string> = {}) {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { stdio, env: { ...process.env, ...env } });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** A command that runs alone, and has 10 s. */
const waitFor = (text: string, child: ChildProcess, more: Partial<Waiting> = {}) =>
  waitUntilReady(parseReady(text), {
    child,
    pids: () => [child.pid as number],
    isAlone: true,
    before: null,
    timeoutMs: 10_000,
    ...more,
  });

/** What it is refused with. */
const whyNot = async (waiting: Promise<void>) => {
  const error = await waiting.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(NotReady);
  return (error as NotReady).message;
};

/** What one look of it sees. */
function lookOnce(text: string, child: ChildProcess, isAlone = true): Promise<string | null> {
  const ready = parseReady(text);
  if (!('address' in ready)) throw new Error(`${text} is no address`);
  const asked = { address: ready.address, pids: () => [child.pid as number], isAlone };
  return probe('url' in ready ? { ...asked, url: ready.url } : asked, new AbortController().signal);
}

/** Resolves once it listens. */
async function listenHere(server: Server, where: object): Promise<Server> {
  onTestFinished(() => void server.close());
  await once(server.listen(where), 'listening');
  return server;
}

const HTTP = (status: number) =>
  `require('node:http').createServer((q, r) => { r.statusCode = ${status}; r.end('x'); })`;
const HANGS_UP = `require('node:net').createServer((s) => s.on('error', () => {}).end())`;
const STAYS = `require('node:net').createServer((s) => s.on('error', () => {}).resume())`;

describe('parseReady', () => {
  const ofPaths: [text: string, expected: object][] = isPosix
    ? [
        ['/run/app.sock', { kind: 'connection', address: { path: '/run/app.sock' } }],
        ['/run/app', { kind: 'connection', address: { path: '/run/app' } }],
        ['file:/run/app.ready', { kind: 'file', path: '/run/app.ready' }],
      ]
    : [['\\\\.\\pipe\\app', { kind: 'connection', address: { path: '\\\\.\\pipe\\app' } }]];

  it.each([
    ['4000', { kind: 'connection', address: { host: undefined, port: 4000 } }],
    [':4000', { kind: 'connection', address: { host: undefined, port: 4000 } }],
    ['localhost:4000', { kind: 'connection', address: { host: 'localhost', port: 4000 } }],
    ['[::1]:4000', { kind: 'connection', address: { host: '::1', port: 4000 } }],
    ['http://:4000/health', { kind: 'http', address: { host: undefined, port: 4000 } }],
    ['http://127.0.0.2/', { kind: 'http', address: { host: '127.0.0.2', port: 80 } }],
    ['https://[::1]:8443/x?y', { kind: 'http', address: { host: '::1', port: 8443 } }],
    ['/listening on \\d+/', { kind: 'output', pattern: /listening on \d+/ }],
    ['/run/i', { kind: 'output', pattern: /run/i }],
    ['ipc', { kind: 'ipc' }],
    ...ofPaths,
  ] as [text: string, expected: object][])('understands %s', (text, expected) => {
    expect(parseReady(text)).toMatchObject({ text, ...expected });
  });

  it.each([
    ['0', /from 1 to 65535/],
    ['65536', /from 1 to 65535/],
    ['http://:70000/', /not a URL/],
    ['http://:0/', /port 0/],
    ['::1:4000', /write \[::1\]:4000/],
    ['[x]:4000', /no IPv6 address/],
    ['ready', /no address; write 4000/],
    ['', /no address/],
    ['/(\n/', /^--ready \/\(\\n\/: not a regular expression: Unterminated group$/],
    ['ftp://:21/', /can't be asked/],
    ['http://', /not a URL/],
    ['file:', /no path follows/],
    [`/${'x'.repeat(200)}`, isWindows ? /Windows has no sockets at paths/ : /a socket's may have 103/],
    ['a\nb', /"a\\nb"/],
  ])('refuses %j', (text, message) => {
    expect(() => parseReady(text)).toThrow(
      expect.objectContaining({ code: 'ERR_DISTPRINT_OPTION', message: expect.stringMatching(message) }),
    );
  });

  it('says what the command needs', () => {
    const all = ['4000', 'http://:1/', '/x/', 'file:x', 'ipc'].map(parseReady);
    expect(all.map(needsOutput)).toEqual([false, false, true, false, false]);
    expect(all.map(needsIpc)).toEqual([false, false, false, false, true]);
  });

  it('with start-first, no answer tells the new process from the old one but on Linux', () => {
    expect(whyAmbiguous(parseReady('4000'), true, { seesWhoAccepts: false })).toMatch(/only Linux tells/);
    expect(whyAmbiguous(parseReady('4000'), true, { seesWhoAccepts: true })).toBeNull();
    expect(whyAmbiguous(parseReady('4000'), false, { seesWhoAccepts: false })).toBeNull();
    expect(whyAmbiguous(parseReady('ipc'), true, { seesWhoAccepts: false })).toBeNull();
  });
});

describe('a port', () => {
  it('is ready once the command listens, on whichever loopback address', async () => {
    for (const host of ['127.0.0.1', '::1']) {
      const port = await findFreePort();
      await waitFor(`${port}`, start(`setTimeout(() => ${STAYS}.listen(${port}, '${host}'), 200)`));
    }
  });

  it('may hang up at once', async () => {
    const port = await findFreePort();
    await waitFor(`${port}`, start(`${HANGS_UP}.listen(${port})`), { isAlone: false });
  });

  it('that nobody listens on is named with what was seen', async () => {
    const port = await findFreePort();
    const child = start('setInterval(() => {}, 1000)');
    expect(await lookOnce(`${port}`, child)).toBe('ECONNREFUSED');
    const why = await whyNot(waitFor(`${port}`, child, { timeoutMs: 3_000 }));
    expect(why).toBe(`not ready after 3000 ms: awaited ${port}, seen last: ECONNREFUSED`);
  });

  itOnLinux('that the old process answers is not ready before the new one has it', async () => {
    const port = await findFreePort();
    const old = await listenHere(
      createServer((socket) => socket.resume()),
      { port, host: '127.0.0.1' },
    );
    const script = `const s = ${STAYS}; s.on('error', () => setTimeout(() => s.listen(${port}, '127.0.0.1'), 10)).listen(${port}, '127.0.0.1')`;
    const child = start(script);
    expect(await lookOnce(`${port}`, child, false)).toMatch(/an answer, but of another process/);
    const ready = waitFor(`${port}`, child, { isAlone: false });
    old.close();
    await ready;
  });

  itOnLinux('of --listen is not ready before the command accepts on it', async () => {
    const port = await findFreePort();
    const sockets = await openSockets([`127.0.0.1:${port}`], {});
    onTestFinished(() => sockets.close());
    const command = withListenPid(['node', '-e', `process.on('message', () => ${STAYS}.listen({ fd: 3 }))`]);
    const child = startCommand(command, ['ignore', 'ignore', 'ignore', ...sockets.fds, 'ipc'], sockets.env);
    const why = await whyNot(waitFor(`${port}`, child, { timeoutMs: 500 }));
    expect(why).toMatch(/seen last: nothing|none of the new processes accepts/);
    const ready = waitFor(`${port}`, child);
    child.send('listen');
    await ready;
  });

  itOnLinux('of --listen that the old process accepts on too is ready once the new one accepts', async () => {
    const port = await findFreePort();
    const sockets = await openSockets([`127.0.0.1:${port}`], {});
    onTestFinished(() => sockets.close());
    const script = `process.on('message', () => ${HTTP(200)}.listen({ fd: 3 }, () => process.send('listens')))`;
    const begin = () =>
      startCommand(
        withListenPid(['node', '-e', script]),
        ['ignore', 'ignore', 'ignore', ...sockets.fds, 'ipc'],
        sockets.env,
      );
    const [old, child] = [begin(), begin()];
    old.send('listen');
    await once(old, 'message');
    for (const text of [`${port}`, `http://:${port}/`]) {
      expect(await lookOnce(text, child, false)).toMatch(/an answer, but of another process/);
    }
    child.send('listen');
    await waitFor(`http://:${port}/`, child, { isAlone: false });
    await waitFor(`${port}`, child, { isAlone: false });
  });
});

describe('a Unix socket, or a named pipe of Windows,', () => {
  it('is ready once the command listens', async () => {
    const path = isWindows ? `\\\\.\\pipe\\distprint-test-${process.pid}` : join(makeTemp(), 'a.sock');
    await waitFor(path, start(`setTimeout(() => ${HANGS_UP}.listen(${JSON.stringify(path)}), 200)`), {
      isAlone: false,
    });
  });

  itOnLinux('of --listen is ready once the new one accepts on it', async () => {
    const path = join(makeTemp(), 'é b.sock');
    const sockets = await openSockets([path], {});
    onTestFinished(() => sockets.close());
    const begin = () =>
      startCommand(
        withListenPid([
          'node',
          '-e',
          `process.on('message', () => ${STAYS}.listen({ fd: 3 }, () => process.send('listens')))`,
        ]),
        ['ignore', 'ignore', 'ignore', ...sockets.fds, 'ipc'],
        sockets.env,
      );
    const [old, child] = [begin(), begin()];
    old.send('listen');
    await once(old, 'message');
    await waitFor(path, old);
    await whyNot(waitFor(path, child, { isAlone: false, timeoutMs: 500 }));
    child.send('listen');
    await waitFor(path, child, { isAlone: false });
  });
});

describe('a URL', () => {
  it('is ready with 2xx alone', async () => {
    const port = await findFreePort();
    const script = `let n = 0; require('node:http').createServer((q, r) => { r.statusCode = ++n < 4 ? 503 : 204; r.end(); }).listen(${port}, '127.0.0.1')`;
    await waitFor(`http://:${port}/health?x=1`, start(script));
  });

  it.each([
    [HTTP(404), /^the answer 404 Not Found$/],
    [HTTP(302), /^the answer 302 Found$/],
    [`require('node:net').createServer((s) => s.end('SSH-2.0\\r\\n'))`, /^the answer that is no HTTP$/],
    [HANGS_UP, /^the answer of nothing$/],
  ])('names the last answer of %s', async (server, message) => {
    const port = await findFreePort();
    const child = start(`${server}.listen(${port}, '127.0.0.1', () => process.send('listens'))`, [
      'ignore',
      'ignore',
      'ignore',
      'ipc',
    ]);
    await once(child, 'message');
    expect(await lookOnce(`http://:${port}/`, child)).toMatch(message);
  });

  itOnLinux('that the old process answers is not ready', async () => {
    const port = await findFreePort();
    await listenHere(
      createHttp((_, response) => response.end()),
      { port, host: '127.0.0.1' },
    );
    const child = start('setInterval(() => {}, 1000)');
    expect(await lookOnce(`http://:${port}/`, child, false)).toMatch(/an answer, but of another process/);
  });

  it('in front of which somebody else stands counts where no old process runs', async () => {
    const port = await findFreePort();
    await listenHere(
      createHttp((_, response) => response.end()),
      { port, host: '127.0.0.1' },
    );
    await waitFor(`http://:${port}/`, start('setInterval(() => {}, 1000)'));
  });
});

describe('a line of output', () => {
  const PIPES: StdioOptions = ['ignore', 'pipe', 'pipe'];

  it('on either stream counts, in whatever pieces and colours it comes', async () => {
    const script = `process.stdout.write('not yet\\n\\x1b[32mlisten'); setTimeout(() => process.stdout.write('ing\\x1b[39m on 40'), 50);
      setTimeout(() => process.stdout.write('00\\n'), 100); setInterval(() => {}, 1000);`;
    await waitFor('/^listening on 4000$/', start(script, PIPES));
    await waitFor(
      '/^é$/',
      start(
        `process.stderr.write(Buffer.from([0xc3])); setTimeout(() => process.stderr.write(Buffer.from([0xa9, 0x0d, 0x0a])), 50); setInterval(() => {}, 1000)`,
        PIPES,
      ),
    );
  });

  it('leaves each byte to others who read it', async () => {
    const script = `const b = Buffer.alloc(300_000, Buffer.from([0, 255, 10, 27])); process.stdout.write(b); process.stdout.end('\\nready\\n')`;
    const child = start(script, PIPES);
    const read: Buffer[] = [];
    child.stdout?.on('data', (bytes: Buffer) => read.push(bytes));
    const closed = once(child, 'close');
    await waitFor('/^ready$/', child);
    await closed;
    const expected = Buffer.concat([Buffer.alloc(300_000, Buffer.from([0, 255, 10, 27])), Buffer.from('\nready\n')]);
    expect(Buffer.concat(read).equals(expected)).toBe(true);
  });

  it('names the last line', async () => {
    const child = start(`console.log('starting \\x1b[31mx'); setInterval(() => {}, 1000)`, PIPES);
    expect(await whyNot(waitFor('/ready/', child, { timeoutMs: 3_000 }))).toBe(
      'not ready after 3000 ms: awaited /ready/, seen last: the line "starting x"',
    );
  });
});

describe('a file', () => {
  it('counts once it is there', async () => {
    const path = join(makeTemp(), 'ready');
    await waitFor(
      `file:${path}`,
      start(
        `setTimeout(() => require('fs').writeFileSync(${JSON.stringify(path)}, ''), 200); setInterval(() => {}, 1000)`,
      ),
    );
  });

  it('that was there before counts only once it was written anew, be it with the same content', async () => {
    const root = makeTemp();
    writeTree(root, { ready: 'x' });
    const path = join(root, 'ready');
    const ready = parseReady(`file:${path}`);
    const before = noteBefore(ready);
    const child = start(
      `process.on('message', () => require('fs').writeFileSync(${JSON.stringify(path)}, 'x')); setInterval(() => {}, 1000)`,
      ['ignore', 'ignore', 'ignore', 'ipc'],
    );
    expect(await whyNot(waitFor(ready.text, child, { before, timeoutMs: 300 }))).toMatch(/was there before the start/);
    const waiting = waitFor(ready.text, child, { before });
    child.send('write');
    await waiting;
  });

  it('that never comes is named', async () => {
    const path = join(makeTemp(), 'a\nb');
    const why = await whyNot(waitFor(`file:${path}`, start('setInterval(() => {}, 1000)'), { timeoutMs: 200 }));
    expect(why).toMatch(/awaited file:.*a\\nb, seen last: no such file$/);
  });
});

describe('ipc', () => {
  const IPC: StdioOptions = ['ignore', 'ignore', 'ignore', 'ipc'];

  it("is pm2's message", async () => {
    await waitFor('ipc', start(`setTimeout(() => process.send('ready'), 100)`, IPC));
  });

  it('is no other message', async () => {
    const child = start(`process.send({ type: 'x' }); setInterval(() => {}, 1000)`, IPC);
    expect(await whyNot(waitFor('ipc', child, { timeoutMs: 3_000 }))).toMatch(/seen last: the message \{"type":"x"\}$/);
  });
});

describe('waiting', () => {
  it('ends with the command', async () => {
    expect(await whyNot(waitFor('ipc', start('process.exit(3)')))).toBe(
      'it ended with exit status 3 before it was ready: awaited ipc',
    );
    const child = start('process.kill(process.pid, "SIGKILL")');
    const how = isWindows ? /^it ended with exit status 1 before/ : /^it was ended by SIGKILL before/;
    expect(await whyNot(waitFor('ipc', child))).toMatch(how);
    expect(await whyNot(waitFor('ipc', child))).toMatch(how);
  });

  it('ends when it is told to, with the reason, and leaves no listener behind', async () => {
    const child = start('setInterval(() => {}, 1000)', ['ignore', 'pipe', 'pipe']);
    const stop = new AbortController();
    const all = ['4', 'http://:4/', '/x/', 'file:/x/y', 'ipc'].map((text) =>
      waitFor(text, child, { signal: stop.signal }),
    );
    const reason = new Error('changed again');
    stop.abort(reason);
    for (const each of all) await expect(each).rejects.toBe(reason);
    await expect(waitFor('ipc', child, { signal: stop.signal })).rejects.toBe(reason);
    const left = () =>
      child.listenerCount('exit') + child.listenerCount('message') + (child.stdout?.listenerCount('data') ?? 0);
    await until('no listener', () => left() === 0 || undefined);
  });
});
