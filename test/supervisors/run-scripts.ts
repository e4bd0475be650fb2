/** runit's and s6's supervisors, each on a service folder of its own, with the operator's `run` in it. */

import { spawn } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../helpers/run.ts';
import { until } from '../helpers/wait.ts';
import { type Cell, fill, ground, type Supervised } from './cell.ts';
import { end, isThere } from './processes.ts';

interface Kind {
  readonly file: string;
  readonly supervise: string;
  up(service: string): string[];
  down(service: string): string[];
  /** Has the supervisor itself leave. */
  leave(service: string): string[];
  /** What says the PID. */
  ask(service: string): string[];
  readonly pid: RegExp;
}

const RUNIT: Kind = {
  file: 'runit/run',
  supervise: 'runsv',
  up: (service) => ['sv', '-w', '20', 'up', service],
  down: (service) => ['sv', '-w', '20', 'down', service],
  leave: (service) => ['sv', 'exit', service],
  ask: (service) => ['sv', 'status', service],
  pid: /^run: .*\(pid (\d+)\)/,
};

const S6: Kind = {
  file: 's6/run',
  supervise: 's6-supervise',
  up: (service) => ['s6-svc', '-u', service],
  down: (service) => ['s6-svc', '-d', '-wD', '-T', '20000', service],
  leave: (service) => ['s6-svc', '-x', '-d', service],
  ask: (service) => ['s6-svstat', '-o', 'pid', service],
  pid: /^(\d+)/,
};

export const asRunitService = (cell: Cell): Promise<Supervised> => asService(RUNIT, cell);
export const asS6Service = (cell: Cell): Promise<Supervised> => asService(S6, cell);

async function asService(kind: Kind, cell: Cell): Promise<Supervised> {
  const service = join(ground.folder, 'services', cell.name);
  mkdirSync(service, { recursive: true });
  const write = (env: Record<string, string>) => {
    writeFileSync(join(service, 'run'), fill(kind.file, cell, env));
    chmodSync(join(service, 'run'), 0o755);
  };
  write({});
  writeFileSync(join(service, 'down'), ''); // not before it is told to
  const output = openSync(cell.logFile, 'a');
  const child = spawn(kind.supervise, [service], { stdio: ['ignore', output, output], cwd: '/' });
  closeSync(output);
  const control = async (words: string[]) => {
    const { code, stdout, stderr } = await run(words, { timeout: 60_000 });
    return { code, text: stdout + stderr };
  };
  await until(kind.supervise, async () => ((await control(kind.ask(service))).code === 0 ? true : undefined));
  return {
    inside: () => [],
    async start(env = {}) {
      write(env);
      await control(kind.up(service));
    },
    stop: async () => void (await control(kind.down(service))),
    log: async () => readFileSync(cell.logFile, 'utf8'),
    async follows() {
      const pid = Number((await control(kind.ask(service))).text.match(kind.pid)?.[1] ?? 0);
      return { pid: pid > 0 ? pid : null, restarts: null };
    },
    async end() {
      await control(kind.leave(service));
      await until(`the end of ${kind.supervise}`, () => (isThere(child.pid as number) ? undefined : true)).catch(() =>
        end(child.pid),
      );
    },
  };
}
