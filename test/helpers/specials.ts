import { execFileSync } from 'node:child_process';
import { createServer } from 'node:net';
import { onTestFinished } from 'vitest';

export const makeFifo = (path: string): void => void execFileSync('mkfifo', [path]);

/** A Unix socket that a server listens on until the test is over. */
export async function makeSocket(path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => void server.close());
}
