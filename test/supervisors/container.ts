/** The runner as PID 1 of a PID namespace, as in a container that has no init. */

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { until } from '../helpers/wait.ts';
import type { Cell, Supervised } from './cell.ts';
import { childrenOf, end, isThere } from './processes.ts';

export function asContainer(cell: Cell): Supervised {
  let outer: ChildProcess | undefined;
  const first = () => {
    const pid = outer?.pid;
    return pid === undefined || !isThere(pid) ? undefined : childrenOf(pid)[0];
  };
  return {
    inside: () => ['nsenter', '-t', String(first()), '-p', '-m'],
    async start(env = {}) {
      const output = openSync(cell.logFile, 'a');
      const words = ['--pid', '--fork', '--mount-proc', '--kill-child', `--wd=${cell.folder}`, ...cell.command];
      outer = spawn('unshare', words, {
        cwd: '/',
        detached: true,
        stdio: ['ignore', output, output],
        env: { ...process.env, DISTPRINT_STATE_FILE: cell.stateFile, ...env },
      });
      closeSync(output);
      await until('PID 1', first);
    },
    /** As `docker stop` begins. */
    async stop() {
      end(first(), 'SIGTERM');
      await until('the end of the container', () => (first() === undefined ? true : undefined)).finally(() =>
        end(first()),
      );
    },
    log: async () => readFileSync(cell.logFile, 'utf8'),
    follows: async () => ({ pid: first() === undefined ? null : 1, restarts: null }),
  };
}
