/**
 * The runner's listening sockets: passed on open where the runtime allows it, so that a port answers without a gap.
 * @module
 */
import { closeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { errnoOf } from '../errors.ts';

const PORT_WAIT_MS = 5_000;
export function createSockets(passed) {
  const unused = [...passed];
  const all = [];
  async function listen(server, options) {
    const at = unused.findIndex(({ port }) => !options.port || port === Number(options.port));
    const [before] = at === -1 ? [] : unused.splice(at, 1);
    const { fd } = before ?? { fd: null };
    await (fd === null
      ? listenOn(server, { ...options, port: before?.port ?? options.port })
      : listenOnce(server, { fd }));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    all.push({ server, options, port, closed: null });
  }
  return {
    listen,
    open: () => all.map(({ server, port }) => ({ port, fd: descriptorOf(server) })),
    release() {
      for (const each of all) {
        each.closed ??= new Promise((resolve) => each.server.close(() => resolve()));
        if ('closeIdleConnections' in each.server) each.server.closeIdleConnections();
      }
    },
    async resume() {
      for (const each of all) {
        if (each.closed === null) continue;
        each.closed = null;
        await listenOn(each.server, each.port === 0 ? each.options : { ...each.options, port: each.port });
      }
    },
    async drain(timeoutMs) {
      const closed = Promise.all(all.map((each) => each.closed));
      await Promise.race([closed, delay(timeoutMs, undefined, { ref: false })]);
    },
    dropUnused() {
      for (const { fd } of unused.splice(0)) if (fd !== null) closeSync(fd);
    },
  };
}
/** Whoever had the port may be a moment from letting go of it. */
async function listenOn(server, options) {
  const deadlineMs = performance.now() + PORT_WAIT_MS;
  for (;;) {
    try {
      return await listenOnce(server, options);
    } catch (error) {
      if (errnoOf(error) !== 'EADDRINUSE' || performance.now() > deadlineMs) throw error;
      await delay(5);
    }
  }
}
function listenOnce(server, options) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
/** Node shows it on an object that it calls private, and has done so since its first version; else a port is let go and taken again. */
function descriptorOf(server) {
  const handle = server._handle;
  return typeof handle?.fd === 'number' && handle.fd >= 0 ? handle.fd : null;
}
