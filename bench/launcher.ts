/**
 * Times whole processes, from spawn to exit, as a small process sees them.
 *
 * A process as large as this one takes up to 40 ms to start another, since the kernel copies its page tables on the way. That
 * would be billed to the peers. So a Node that does nothing else starts them and takes the time.
 */

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

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
  import { createInterface } from 'node:readline';
  for await (const line of createInterface({ input: process.stdin })) {
    const { command: [file, ...args], cwd, env } = JSON.parse(line);
    const options = { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' };
    const started = performance.now();
    const { status, stderr, error } = spawnSync(file, args, options);
    const ms = performance.now() - started;
    console.log(JSON.stringify({ ms, status, said: error?.message ?? stderr }));
  }`;

let launcher: { process: ChildProcessByStdio<Writable, Readable, null>; answers: AsyncIterator<string> } | undefined;

/** It ends with us: its input does. */
function start() {
  const process_ = spawn(process.execPath, ['--input-type=module', '--eval', SOURCE], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  return { process: process_, answers: createInterface({ input: process_.stdout })[Symbol.asyncIterator]() };
}

/**
 * Milliseconds from spawn to exit. Not for two at once.
 * @throws where it does not exit with 0
 */
export async function launch(what: Launch): Promise<number> {
  launcher ??= start();
  launcher.process.stdin.write(`${JSON.stringify(what)}\n`);
  const { value, done } = await launcher.answers.next();
  if (done) throw new Error('the launcher of measured processes died');
  const { ms, status, said } = JSON.parse(value) as Ended;
  if (status !== 0) throw new Error(`\`${what.command.join(' ')}\` failed (exit ${status}): ${said}`);
  return ms;
}
