/** Installs that are cut short. */

import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { buildManifestSync, diffManifests, type Manifest } from '../../src/index.ts';
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
 * Starts an install over what is at `root`, and kills it, with all that it started, when `root` is torn: all is as in
 * `release`, but for the file `without`. The manager is kept from writing that one file, so that the moment can't be missed. npm
 * unpacks in the order of the tarball: there it has to be the last.
 */
export async function killHalfway(
  manager: Manager,
  project: string,
  spec: string,
  { root, release, without }: { root: string; release: string; without: string },
): Promise<void> {
  const [program = '', ...args] = toCommand(manager, 'add', [spec]);
  const child = spawn(program, args, {
    cwd: project,
    env: { ...environment, NODE_OPTIONS: `--import ${HOLD_FILE}`, HOLD_FILE: join(root, without) },
    detached: true,
    stdio: 'ignore',
  });
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.on('exit', (_, signal) => resolve(signal)));
  onTestFinished(() => signalGroup(child.pid, 'SIGKILL'));
  const whole = buildManifestSync(release);
  while (!lacksOnly(root, without, whole)) {
    if (child.exitCode !== null) throw new Error(`${manager.name} ended with ${child.exitCode}, and nothing is torn`);
    await sleep(20);
  }
  signalGroup(child.pid, 'SIGKILL');
  expect(await ended).toBe('SIGKILL');
  expect(lacksOnly(root, without, whole)).toBe(true);
}

const HOLD_FILE = new URL('hold-file.mjs', import.meta.url).href;

/** Whether that file is not there, or still of another release, and all else is as it should be. */
function lacksOnly(root: string, path: string, whole: Manifest): boolean {
  let now: Manifest;
  try {
    now = buildManifestSync(root, { kind: 'package' });
  } catch {
    return false; // no package there, or half written
  }
  const { version, added, removed, changed } = diffManifests(whole, now);
  return version === null && added.length === 0 && [...removed, ...changed].join() === path;
}
