/** A pm2 of our own: its own PM2_HOME, and so its own daemon. */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanEnv } from '../../fixtures/releases.ts';
import { type Ran, run } from '../helpers/run.ts';
import { until } from '../helpers/wait.ts';
import { type Cell, fill, ground, type Supervised } from './cell.ts';
import { end, isThere } from './processes.ts';

export interface Pm2 {
  readonly home: string;
  run(words: readonly string[], env?: Record<string, string>): Promise<Ran>;
  end(): Promise<void>;
}

export async function startPm2(pm2: string): Promise<Pm2> {
  const home = join(ground.folder, `pm2-${process.pid}`);
  mkdirSync(home);
  const runPm2 = (words: readonly string[], env: Record<string, string> = {}) =>
    run([process.execPath, pm2, ...words], {
      env: { ...cleanEnv, NO_COLOR: '1', PM2_HOME: home, ...env },
      cwd: home,
      timeout: 60_000,
    });
  await runPm2(['ping']);
  const daemon = Number(readFileSync(join(home, 'pm2.pid'), 'utf8'));
  return {
    home,
    run: runPm2,
    async end() {
      await runPm2(['kill']);
      if (isThere(daemon)) end(daemon);
      await until('the end of pm2', () => (isThere(daemon) ? undefined : true));
    },
  };
}

interface Listed {
  name: string;
  pid: number;
  pm2_env: { restart_time: number; status: string };
}

export function asApp({ home, run: pm2 }: Pm2, cell: Cell): Supervised {
  const { name, runtime, command } = cell;
  // Under its own idea of Bun, pm2 loads the script with require(), which knows no top-level await.
  const isNode = runtime.startsWith('Node');
  const [interpreter, script] = isNode ? [command[0], command[1]] : ['none', command[0]];
  const file = join(home, `${name}.config.cjs`);
  const list = async () => {
    const { stdout } = await pm2(['jlist']);
    return (JSON.parse(stdout.slice(stdout.indexOf('['))) as Listed[]).find((each) => each.name === name);
  };
  return {
    inside: () => [],
    async start(env) {
      const words = command.slice(isNode ? 2 : 1).map((word) => JSON.stringify(word));
      const text = fill('pm2/ecosystem.config.cjs', cell)
        .replace('@INTERPRETER@', interpreter as string)
        .replace('@SCRIPT@', script as string)
        .replace("'@ARGUMENTS@'", words.join(', '));
      writeFileSync(file, text);
      const { code, stdout, stderr } = await pm2(['start', file], env);
      if (code !== 0) throw new Error(`pm2 start: ${stdout}${stderr}`);
    },
    stop: async () => void (await pm2(['stop', name])),
    async log() {
      const logs = join(home, 'logs');
      const names = existsSync(logs) ? readdirSync(logs).filter((each) => each.startsWith(`${name}-`)) : [];
      return names.map((each) => readFileSync(join(logs, each), 'utf8')).join('');
    },
    async follows() {
      const found = await list();
      const isOnline = found?.pm2_env.status === 'online';
      return { pid: isOnline ? found.pid : null, restarts: found?.pm2_env.restart_time ?? 0 };
    },
  };
}
