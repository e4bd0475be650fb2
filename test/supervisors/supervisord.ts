/** A supervisord of our own: its own configuration, socket and log. */

import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../helpers/run.ts';
import { until } from '../helpers/wait.ts';
import { type Cell, fill, ground, type Supervised } from './cell.ts';
import { end, isThere } from './processes.ts';

export interface Supervisord {
  readonly programs: string;
  ctl(...words: string[]): Promise<string>;
  end(): Promise<void>;
}

export async function startSupervisord(): Promise<Supervisord> {
  const folder = join(ground.folder, `supervisord-${process.pid}`);
  const programs = join(folder, 'programs');
  mkdirSync(programs, { recursive: true });
  const configuration = join(folder, 'supervisord.conf');
  const sections = {
    unix_http_server: { file: `${folder}/socket` },
    supervisord: { logfile: `${folder}/log`, pidfile: `${folder}/pid`, childlogdir: folder, user: 'root' },
    'rpcinterface:supervisor': {
      'supervisor.rpcinterface_factory': 'supervisor.rpcinterface:make_main_rpcinterface',
    },
    supervisorctl: { serverurl: `unix://${folder}/socket` },
    include: { files: 'programs/*.conf' },
  };
  const lines = Object.entries(sections).flatMap(([name, values]) => [
    `[${name}]`,
    ...Object.entries(values).map(([key, value]) => `${key}=${value}`),
  ]);
  writeFileSync(configuration, `${lines.join('\n')}\n`);
  const child = spawn('supervisord', ['--nodaemon', '-c', configuration], { stdio: 'ignore', cwd: folder });
  const ctl = async (...words: string[]) => {
    const { stdout, stderr } = await run(['supervisorctl', '-c', configuration, ...words], { timeout: 60_000 });
    return stdout + stderr;
  };
  await until('supervisord', async () => ((await ctl('pid')).match(/^\d+$/m) ? true : undefined), 100);
  return {
    programs,
    ctl,
    async end() {
      end(child.pid, 'SIGTERM'); // stops its programs first
      await until('the end of supervisord', () => (isThere(child.pid as number) ? undefined : true));
    },
  };
}

export function asProgram({ programs, ctl }: Supervisord, cell: Cell, autorestart: 'unexpected' | 'true'): Supervised {
  const { name, logFile } = cell;
  return {
    inside: () => [],
    async start(env) {
      const text = fill('supervisord/runner.conf', cell, env).replace(
        /^autorestart=.*$/m,
        `autorestart=${autorestart}`,
      );
      writeFileSync(join(programs, `${name}.conf`), text);
      await ctl('update', name);
      await ctl('start', name);
    },
    stop: async () => void (await ctl('stop', name)),
    log: async () => readFileSync(logFile, 'utf8'),
    async follows() {
      // Not `status`: it says STARTING in a program's first second, `startsecs`.
      const told = await ctl('pid', name);
      const pid = Number(told);
      if (Number.isNaN(pid)) throw new Error(`supervisorctl pid ${name}: ${told}`);
      return { pid: pid || null, restarts: null };
    },
  };
}
