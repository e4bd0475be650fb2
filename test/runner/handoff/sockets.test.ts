import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { createSockets } from '../../../src/runner/handoff/sockets.ts';
import { sleep } from '../../helpers/wait.ts';

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
