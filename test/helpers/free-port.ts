import { createServer } from 'node:net';

/** Below the ports that the kernel gives to clients, so that none of them has it when a daemon wants it back. */
const FIRST = 20_000;
/** Each process of a suite asks in a range of its own: what one finds free, another must not find as well. */
const RANGE = 2_000;
const rangeStart = FIRST + ((Number(process.env.VITEST_POOL_ID ?? 1) - 1) % 6) * RANGE;

// From somewhere in it, so that two suites side by side rarely meet.
let next = (process.pid * 100) % RANGE;

export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = rangeStart + (next++ % RANGE);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen({ host: '127.0.0.1', port }, () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}
