/**
 * Times whole processes, from spawn to exit, from a Node that does nothing else.
 * The bench itself is large: the kernel would copy its page tables at each spawn, which takes up to 40 ms.
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
 * Milliseconds from spawn to exit. One process at a time.
 * @throws if it does not exit with 0
 */
export async function launch(what: Launch): Promise<number> {
  launcher ??= startChild(SOURCE);
  const { ms, status, said } = await launcher(what);
  if (status !== 0) throw new Error(`\`${what.command.join(' ')}\` failed (exit ${status}): ${said}`);
  return ms;
}
