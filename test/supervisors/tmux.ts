/** A tmux server of our own, in a folder of sockets of its own. */

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../helpers/run.ts';
import { type Cell, fill, ground, type Supervised } from './cell.ts';

export interface Tmux {
  readonly env: NodeJS.ProcessEnv;
  run(...words: string[]): Promise<string>;
  start(): Promise<void>;
  end(): Promise<void>;
}

export function openTmux(): Tmux {
  const folder = join(ground.folder, `tmux-${process.pid}`);
  mkdirSync(folder, { mode: 0o700 });
  const { TMUX, TMUX_PANE, ...others } = process.env;
  const env = { ...others, TMUX_TMPDIR: folder, TERM: 'xterm' };
  const tmux = async (...words: string[]) => {
    const { stdout } = await run(['tmux', ...words], { env });
    return stdout.trim();
  };
  return {
    env,
    run: tmux,
    // A server ends with its last session, and may just be doing so when the next one is started.
    start: async () => void (await tmux('new-session', '-d', '-s', 'keeper', 'sleep', '86400')),
    end: async () => void (await tmux('kill-server')),
  };
}

/** Its start script is run in the tmux of `env`. */
export function asPane({ env: tmuxEnv, run: tmux }: Tmux, cell: Cell): Supervised {
  const { name, folder } = cell;
  const script = join(folder, 'start.sh');
  let last = '';
  const read = async () => {
    const text = await tmux('capture-pane', '-p', '-J', '-S', '-1000', '-t', name);
    if (text !== '') last = text;
    return last;
  };
  return {
    inside: () => [],
    async start(env) {
      writeFileSync(script, fill('tmux/start.sh', cell, env));
      chmodSync(script, 0o755);
      const { code, stderr } = await run([script], { env: tmuxEnv });
      if (code !== 0) throw new Error(`tmux: ${stderr}`);
    },
    async stop() {
      await read();
      await tmux('kill-session', '-t', name);
    },
    log: read,
    async follows() {
      const pid = Number(await tmux('list-panes', '-t', name, '-F', '#{pane_pid}'));
      return { pid: pid || null, restarts: null };
    },
  };
}
