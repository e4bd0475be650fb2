/**
 * Times whole processes, from spawn to exit, as a small process sees them.
 *
 * A process as large as this one takes up to 40 ms to start another, since the kernel copies its page tables on the way. That
 * would be billed to the peers. So a Node that does nothing else starts them and takes the time.
 */

import { startChild } from './children.ts';

export interface Launch {
  readonly command: readonly [string, ...string[]];
  readonly cwd?: string;
  readonly env?: Record<string, string>;
}

interface Ended {
  ms: number;
  status: number | null;
  said: string;
}

const SOURCE = `
  import { spawnSync } from 'node:child_process';
  function answer({ command: [file, ...args], cwd, env }) {
    const options = { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' };
    const started = performance.now();
    const { status, stderr, error } = spawnSync(file, args, options);
    return { ms: performance.now() - started, status, said: error?.message ?? stderr };
  }`;

let launcher: ((what: Launch) => Promise<Ended>) | undefined;

/**
 * Milliseconds from spawn to exit. Not for two at once.
 * @throws where it does not exit with 0
 */
export async function launch(what: Launch): Promise<number> {
  launcher ??= startChild(SOURCE);
  const { ms, status, said } = await launcher(what);
  if (status !== 0) throw new Error(`\`${what.command.join(' ')}\` failed (exit ${status}): ${said}`);
  return ms;
}
