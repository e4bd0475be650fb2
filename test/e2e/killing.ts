/** Installs that are cut short. */

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { environment, type Manager, makeProject, manage, toCommand } from './managers.ts';
import { signalGroup, sleep } from './watching.ts';

export async function install(
  manager: Manager,
  name: string,
  spec: string,
): Promise<{ project: string; root: string }> {
  const project = makeProject();
  await manage(manager, project, 'add', spec);
  return { project, root: join(project, 'node_modules', name) };
}

export const filesIn = (directory: string): string[] => {
  try {
    return readdirSync(directory, { recursive: true, encoding: 'utf8' });
  } catch {
    return []; // it is away, or goes away meanwhile
  }
};

export const retiredOf = (root: string): string[] =>
  readdirSync(dirname(root)).filter((name) => name.startsWith(`.${basename(root)}-`));

/**
 * Starts an install over what is at `root`, and kills it, with all that it started, when `root` is torn: package.json is
 * that of `version`, and the file `without` has not come. The manager is kept from writing that one file, so that the
 * moment can't be missed. It has to come after package.json in the tarball: npm unpacks in that order.
 */
export async function killHalfway(
  manager: Manager,
  project: string,
  spec: string,
  { root, version, without }: { root: string; version: string; without: string },
): Promise<void> {
  const [program = '', ...args] = toCommand(manager, 'add', [spec]);
  const held = join(root, without);
  const before = read(held);
  const child = spawn(program, args, {
    cwd: project,
    env: { ...environment, NODE_OPTIONS: `--import ${HOLD_FILE}`, HOLD_FILE: held },
    detached: true,
    stdio: 'ignore',
  });
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.on('exit', (_, signal) => resolve(signal)));
  onTestFinished(() => signalGroup(child.pid, 'SIGKILL'));
  while (versionAt(root) !== version) {
    if (child.exitCode !== null) throw new Error(`${manager.name} never wrote ${version}, exit ${child.exitCode}`);
    await sleep(5);
  }
  signalGroup(child.pid, 'SIGKILL');
  expect(await ended).toBe('SIGKILL');
  expect([undefined, before]).toContainEqual(read(held)); // retired with the old release, or still of the old one
}

const HOLD_FILE = new URL('hold-file.mjs', import.meta.url).href;

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined; // not there
  }
}

function versionAt(root: string): string | undefined {
  try {
    return JSON.parse(read(join(root, 'package.json')) ?? 'null')?.version;
  } catch {
    return undefined; // half written
  }
}
