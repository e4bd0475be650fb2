/** Installs that are cut short. */

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { environment, type Manager, makeProject, manage, toCommand } from './managers.ts';
import { signalGroup } from './watching.ts';

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
 * Starts an install over what is at `root`, and kills it, with all that it started, when `root` is torn: some files of
 * `version` are there, its package.json among them, and others of `whole` are not. From the moment that the old release
 * is touched the install advances in steps, stopped between them, so that the moment can't be missed.
 */
export async function killHalfway(
  manager: Manager,
  project: string,
  spec: string,
  { root, version, whole }: { root: string; version: string; whole: number },
): Promise<void> {
  const old = versionAt(root);
  const [program = '', ...args] = toCommand(manager, 'add', [spec]);
  const child = spawn(program, args, { cwd: project, env: environment, detached: true, stdio: 'ignore' });
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.on('exit', (_, signal) => resolve(signal)));
  onTestFinished(() => signalGroup(child.pid, 'SIGKILL'));
  while (versionAt(root) === old) {
    if (child.exitCode !== null) throw new Error(`${manager.name} never touched it, exit ${child.exitCode}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  signalGroup(child.pid, 'SIGSTOP');
  while (versionAt(root) !== version) {
    signalGroup(child.pid, 'SIGCONT');
    block(STEP_MS);
    signalGroup(child.pid, 'SIGSTOP');
  }
  const files = filesIn(root).length;
  signalGroup(child.pid, 'SIGKILL');
  expect(await ended).toBe('SIGKILL');
  expect(files).toBeLessThan(whole);
}

const STEP_MS = 2;

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function versionAt(root: string): string | undefined {
  try {
    return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
  } catch {
    return undefined; // not there, or half written
  }
}
