/**
 * A systemd of our own: PID 1 of private PID and mount namespaces, which sees only the units that it is given.
 */

import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../helpers/run.ts';
import { until } from '../helpers/wait.ts';
import { type Cell, fill, ground, type Supervised } from './cell.ts';
import { childrenOf, end, isThere } from './processes.ts';

/** Its own start-up cleans /tmp and /run: so it is given empty ones. */
const ENTER = `set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mount -t proc proc /proc
exec env -i PATH="$PATH" container=sandbox SYSTEMD_UNIT_PATH="$1" /usr/lib/systemd/systemd --system --unit=boot.target
`;

export interface Systemd {
  /** Words before a command that is to run inside. */
  readonly inside: readonly string[];
  /** @returns what systemctl printed */
  systemctl(...words: string[]): Promise<string>;
  readonly units: string;
  end(): Promise<void>;
}

export async function startSystemd(): Promise<Systemd> {
  const folder = join(ground.folder, `systemd-${process.pid}`);
  const units = join(folder, 'units');
  mkdirSync(units, { recursive: true });
  writeFileSync(join(units, 'boot.target'), '[Unit]\nDescription=nothing\n');
  writeFileSync(join(folder, 'enter.sh'), ENTER);
  const output = openSync(join(folder, 'output'), 'a');
  const words = ['-p', '-m', '-f', '--kill-child', 'sh', join(folder, 'enter.sh'), units];
  const outer = spawn('unshare', words, { stdio: ['ignore', output, output], detached: true, cwd: '/' });
  closeSync(output);
  const pid = await until('systemd', () => childrenOf(outer.pid as number)[0]);
  const inside = ['nsenter', '-t', String(pid), '-p', '-m'];
  const systemctl = async (...words: string[]) => {
    const { code, stdout, stderr } = await run([...inside, 'systemctl', ...words], { timeout: 60_000, cwd: '/' });
    if (code !== 0) throw new Error(`systemctl ${words.join(' ')}: ${code} ${stdout}${stderr}`);
    return stdout;
  };
  const stop = async () => {
    end(pid);
    await until('the end of systemd', () => (isThere(outer.pid as number) ? undefined : true));
    removeGroups(units);
  };
  try {
    await until('systemd to run', async () => {
      const { stdout } = await run([...inside, 'systemctl', 'is-system-running'], { cwd: '/' });
      return /running|degraded/.test(stdout) ? true : undefined;
    });
  } catch (error) {
    await stop();
    throw new Error(`${(error as Error).message}: ${readFileSync(join(folder, 'output'), 'utf8')}`);
  }
  return { inside, systemctl, units, end: stop };
}

/** The control groups of its units outlive it, empty. */
function removeGroups(units: string): void {
  const names = readdirSync(units).filter((name) => name.endsWith('.service'));
  for (const hierarchy of ['', ...readdirSync('/sys/fs/cgroup')]) {
    for (const name of names) {
      try {
        rmdirSync(join('/sys/fs/cgroup', hierarchy, 'system.slice', name));
      } catch {
        // there is none
      }
    }
  }
}

export interface Variant {
  readonly file: 'runner' | 'runner-notify' | 'runner-pidfile';
  readonly restart: 'on-failure' | 'always' | 'no';
  readonly type: 'simple' | 'notify';
}

export async function asUnit(systemd: Systemd, cell: Cell, { file, restart, type }: Variant): Promise<Supervised> {
  const unit = `${cell.name}.service`;
  const { systemctl, units, inside } = systemd;
  mkdirSync(join(units, `${unit}.d`));
  const write = (env: Record<string, string>) => {
    const lines = Object.entries(env).map(([key, value]) => `Environment=${key}=${value}`);
    const output = [`StandardOutput=append:${cell.logFile}`, `StandardError=append:${cell.logFile}`];
    writeFileSync(join(units, unit), fill(`systemd/${file}.service`, cell));
    // What the sandbox needs, and what this cell changes in the operator's file.
    const variant = ['[Unit]', 'DefaultDependencies=no', '[Service]', `Restart=${restart}`, `Type=${type}`];
    writeFileSync(join(units, `${unit}.d/cell.conf`), `${[...variant, ...output, ...lines].join('\n')}\n`);
    return systemctl('daemon-reload');
  };
  return {
    inside: () => inside,
    async start(env = {}) {
      await write(env);
      await systemctl('start', unit);
    },
    stop: async () => void (await systemctl('stop', unit)),
    restart: async () => void (await systemctl('restart', unit)),
    kill: async () => void (await systemctl('kill', '--kill-whom=all', '--signal=KILL', unit)),
    log: async () => readFileSync(cell.logFile, 'utf8'),
    async follows() {
      const shown = await systemctl('show', unit, '-p', 'MainPID,NRestarts,ActiveState');
      const get = (name: string) => shown.match(new RegExp(`^${name}=(.*)$`, 'm'))?.[1];
      const pid = get('ActiveState') === 'active' ? Number(get('MainPID')) : null;
      return { pid, restarts: Number(get('NRestarts')) };
    },
  };
}
