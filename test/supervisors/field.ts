/** The runner that this project is for, as its users have it: its hub and its runner on loopback, with a home of their own. */

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, cpSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanEnv } from '../../fixtures/releases.ts';
import { findFreePort } from '../helpers/free-port.ts';
import { until } from '../helpers/wait.ts';
import { end, isThere } from './processes.ts';

export interface Field {
  readonly executable: string;
  /** Of the runner that its state file names. */
  pid(): number | undefined;
  log(): string;
  end(): void;
}

const WITHIN_MS = 60_000;

export const FIELD_RELEASE = '@twsxtd/hapi-linux-x64@0.30.7';

/** What its hub and its runner are told, with a home of their own. */
export const fieldEnv = (home: string, port: number) => ({
  HOME: home,
  HAPI_HOME: home,
  HAPI_LISTEN_PORT: String(port),
  HAPI_API_URL: `http://127.0.0.1:${port}`,
  CLI_API_TOKEN: 'a-token-for-this-test-alone',
  HAPI_RUNNER_HEARTBEAT_INTERVAL: '1000',
});

export async function startField(published: string, folder: string): Promise<Field> {
  const executable = join(folder, 'hapi'); // a copy: it is going to be touched
  const home = join(folder, 'home');
  const workspace = join(folder, 'workspace');
  for (const path of [home, workspace]) mkdirSync(path, { recursive: true });
  cpSync(published, executable);
  const port = await findFreePort();
  const env = { ...cleanEnv, ...fieldEnv(home, port) };
  const output = openSync(join(folder, 'log'), 'a');
  const started: ChildProcess[] = [];
  const start = (...words: string[]) => {
    const child = spawn(executable, words, { cwd: workspace, env, detached: true, stdio: ['ignore', output, output] });
    started.push(child);
  };
  const pid = () => {
    try {
      return (JSON.parse(readFileSync(join(home, 'runner.state.json'), 'utf8')) as { pid: number }).pid;
    } catch {
      return undefined; // not yet, or being written
    }
  };
  const stop = () => {
    const last = pid();
    for (const each of [...started.map((child) => child.pid), last]) end(each);
    closeSync(output);
  };
  try {
    start('hub', '--no-relay');
    await until(
      'the hub',
      () =>
        fetch(`http://127.0.0.1:${port}/`).then(
          () => true,
          () => undefined,
        ),
      100,
      WITHIN_MS,
    );
    start('runner', 'start-sync', '--workspace-root', workspace);
    await until('its runner', () => (isThere(pid() ?? 0) ? true : undefined), 100, WITHIN_MS);
  } catch (error) {
    stop();
    throw new Error(`${(error as Error).message}: ${readFileSync(join(folder, 'log'), 'utf8')}`);
  }
  return { executable, pid, log: () => readFileSync(join(folder, 'log'), 'utf8'), end: stop };
}
