/**
 * The real package managers, each with its caches in `.cache/e2e`, so that only the first install of a release needs the network.
 */

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../helpers/run.ts';
import { makeTemp } from '../helpers/temp.ts';
import { CACHE, fetchBerry, fetchBun, fetchPnpm, fetchYarn } from './tools.ts';

export interface Manager {
  readonly name: string;
  /** Undefined where it can't be had. */
  readonly program: readonly (string | undefined)[];
  /** Each followed by what it is about. */
  readonly add: readonly string[];
  readonly remove: readonly string[];
  /** Writes every file of every package anew. */
  readonly reinstall: readonly string[];
}

export const npm: Manager = {
  name: 'npm',
  program: ['npm'],
  add: ['install', '--prefer-offline'],
  remove: ['uninstall'],
  reinstall: ['ci', '--prefer-offline'],
};

export const managers: readonly Manager[] = [
  npm,
  {
    name: 'pnpm',
    program: [fetchPnpm()],
    add: ['add', '--prefer-offline', '--store-dir', join(CACHE, 'pnpm-store')],
    remove: ['remove', '--store-dir', join(CACHE, 'pnpm-store')],
    reinstall: ['install', '--force', '--prefer-offline', '--store-dir', join(CACHE, 'pnpm-store')],
  },
  {
    name: 'yarn 1',
    program: [process.execPath, fetchYarn()],
    add: ['add', '--prefer-offline'],
    remove: ['remove'],
    reinstall: ['install', '--force', '--prefer-offline'],
  },
  {
    name: 'yarn 4',
    program: [process.execPath, fetchBerry()],
    add: ['add'],
    remove: ['remove'],
    reinstall: ['install', '--check-cache'],
  },
  {
    name: 'bun',
    program: [fetchBun()],
    add: ['add'],
    remove: ['remove'],
    reinstall: ['install', '--force'],
  },
];

export const isAvailable = ({ program }: Manager): boolean => !program.includes(undefined);

const registry = spawnSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).stdout.trim();

/** The machine's settings, with caches of our own. Yarn 4 reads npm's settings nowhere, and has to be told. */
export const environment: NodeJS.ProcessEnv = {
  ...process.env,
  CI: '',
  npm_config_cache: join(CACHE, 'npm'),
  XDG_CACHE_HOME: join(CACHE, 'xdg'),
  XDG_DATA_HOME: join(CACHE, 'xdg-data'),
  BUN_INSTALL_CACHE_DIR: join(CACHE, 'bun'),
  YARN_CACHE_FOLDER: join(CACHE, 'yarn'),
  YARN_GLOBAL_FOLDER: join(CACHE, 'yarn-global'),
  YARN_NODE_LINKER: 'node-modules',
  YARN_ENABLE_TELEMETRY: '0',
  YARN_NPM_REGISTRY_SERVER: registry,
  ...(registry.startsWith('http:') && { YARN_UNSAFE_HTTP_WHITELIST: new URL(registry).hostname }),
};

type Task = 'add' | 'remove' | 'reinstall';

export function toCommand({ program, ...tasks }: Manager, task: Task, subjects: readonly string[] = []): string[] {
  return [...program, ...tasks[task], ...subjects].filter((word) => word !== undefined);
}

/** Runs it to its end in a project. A failure of it fails the test. */
export async function manage(manager: Manager, project: string, task: Task, ...subjects: string[]): Promise<void> {
  await must(toCommand(manager, task, subjects), project);
}

export async function must(command: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await run(command, { cwd, env: environment, timeout: 60_000 });
  if (code !== 0) throw new Error(`${command.join(' ')}: exit ${code}\n${stdout}${stderr}`);
  return stdout;
}

/** An empty project. */
export function makeProject(): string {
  const project = makeTemp();
  writeFileSync(join(project, 'package.json'), '{"name": "project", "private": true}');
  return project;
}
