import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, createServer as createHttpServer, get as getHttp } from 'node:http';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createSockets } from '../../../src/runner/handoff/sockets.ts';
import { makeTemp } from '../../helpers/temp.ts';
import { sleep } from '../../helpers/wait.ts';

/** A server that answers with its name. */
function makeServer(name: string): Server {
  const server = createServer((socket) => socket.on('error', () => {}).end(name));
  onTestFinished(() => void server.close());
  return server;
}

async function ask(where: { path: string } | { host: string; port: number }): Promise<string> {
  const socket = connect(where as { path: string });
  let said = '';
  socket.on('data', (text) => {
    said += text;
  });
  await once(socket, 'close');
  return said;
}

describe('a Unix socket', () => {
  it('is listened on at its path, and at no other name', async () => {
    const path = join(makeTemp(), 'daemon.sock');
    await createSockets([]).listen(makeServer('one'), { path });
    expect(await ask({ path })).toBe('one');
    expect(readdirSync(join(path, '..'))).toEqual(['daemon.sock']);
  });

  it('that a killed process left is replaced', async () => {
    const path = join(makeTemp(), 'daemon.sock');
    const gone = createServer();
    await createSockets([]).listen(gone, { path });
    gone.close(); // libuv unlinks its own name, which is no more
    await once(gone, 'close');
    expect(existsSync(path)).toBe(true);
    await createSockets([]).listen(makeServer('two'), { path });
    expect(await ask({ path })).toBe('two');
  });

  it('on which somebody else answers is refused, and so is a file in its place', async () => {
    const path = join(makeTemp(), 'daemon.sock');
    await createSockets([]).listen(makeServer('one'), { path });
    const listening = createSockets([]).listen(makeServer('two'), { path });
    await expect(listening).rejects.toMatchObject({ code: 'EADDRINUSE', message: expect.stringContaining(path) });
    expect(await ask({ path })).toBe('one');
    const file = join(makeTemp(), 'file');
    writeFileSync(file, 'mine');
    const onFile = createSockets([]).listen(makeServer('two'), { path: file });
    await expect(onFile).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });

  it('of a predecessor answers all the time, and is not unlinked when that one closes', async () => {
    const path = join(makeTemp(), 'daemon.sock');
    const before = createSockets([]);
    await before.listen(makeServer('old'), { path });
    const passed = before.open().map((socket) => ({ ...socket, fd: null }));
    let asked = 0;
    let isOver = false;
    const client = (async () => {
      while (!isOver) {
        expect(await ask({ path })).toMatch(/^(?:old|new)$/);
        asked++;
      }
    })();
    await sleep(20);
    await createSockets(passed).listen(makeServer('new'), { path });
    before.release();
    await before.drain(1_000);
    await sleep(50);
    isOver = true;
    await client;
    expect(asked).toBeGreaterThan(10);
    expect(await ask({ path })).toBe('new');
  });
});

describe('the sockets of a predecessor', () => {
  it('are matched by host and port as asked for, in whatever order they are listened on', async () => {
    const [publicly, admin] = [
      { host: '127.0.0.1', port: 0 },
      { host: '127.0.0.2', port: 0 },
    ];
    const before = createSockets([]);
    await before.listen(makeServer('old public'), publicly);
    await before.listen(makeServer('old admin'), admin);
    const [first, second] = before.open().map(({ port }) => port) as [number, number];
    expect(first).not.toBe(second);
    const passed = before.open().map((socket) => ({ ...socket, fd: null }));
    before.release();
    await before.drain(1_000);
    const after = createSockets(passed);
    await after.listen(makeServer('admin'), admin);
    await after.listen(makeServer('public'), publicly);
    expect(await ask({ host: '127.0.0.1', port: first })).toBe('public');
    expect(await ask({ host: '127.0.0.2', port: second })).toBe('admin');
  });
});

it('a port that somebody is about to let go of is waited for, and no listener of the many tries is left on the server', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;
  const warnings: Error[] = [];
  const warned = (warning: Error) => warnings.push(warning);
  process.on('warning', warned);
  const server = createServer();
  try {
    const listening = createSockets([]).listen(server, { host: '127.0.0.1', port });
    await sleep(200); // enough for some 40 tries
    expect(server.listening).toBe(false);
    holder.close();
    await listening;
    expect(server.address()).toMatchObject({ port });
    expect(server.listenerCount('listening')).toBe(0);
    expect(server.listenerCount('error')).toBe(0);
    expect(warnings).toEqual([]);
  } finally {
    process.off('warning', warned);
    server.close();
  }
});

describe('a server that is released', () => {
  async function listenHttp() {
    const server = createHttpServer((_, response) => response.end('served'));
    onTestFinished(() => void server.close());
    const sockets = createSockets([]);
    await sockets.listen(server, { host: '127.0.0.1', port: 0 });
    const [{ port } = { port: 0 }] = sockets.open();
    return { server, sockets, port };
  }
  const REQUEST = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';

  it('answers on a connection whose first request is still on its way', async () => {
    const { server, sockets, port } = await listenHttp();
    const accepted = once(server, 'connection');
    const socket = connect(port, '127.0.0.1');
    await accepted;
    sockets.release();
    const drained = sockets.drain(10_000);
    await sleep(50); // what is idle was closed long ago
    socket.write(REQUEST);
    expect(String(await once(socket, 'data'))).toContain('served');
    await drained;
  });

  it('answers on a connection that is kept, and asks for its end; taken up again, it does not', async () => {
    const { sockets, port } = await listenHttp();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const get = () =>
      new Promise<string | undefined>((resolve, reject) => {
        const request = getHttp({ host: '127.0.0.1', port, agent }, (response) => {
          response.resume().on('end', () => resolve(response.headers.connection));
        });
        request.on('error', reject);
      });
    expect(await get()).toBe('keep-alive');
    sockets.release();
    expect(await get()).toBe('close');
    await expect(get()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await sockets.resume();
    expect(await get()).toBe('keep-alive');
    agent.destroy();
  });

  it('closes idle connections when it is drained, and waits no longer', async () => {
    const { sockets, port } = await listenHttp();
    const socket = connect(port, '127.0.0.1');
    socket.write(REQUEST);
    await once(socket, 'data');
    sockets.release();
    const startedMs = performance.now();
    await Promise.all([once(socket, 'close'), sockets.drain(10_000)]);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  });
});
