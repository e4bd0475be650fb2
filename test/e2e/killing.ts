/** Installs that are cut short. */

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { environment, type Manager, makeProject, manage, toCommand } from './managers.ts';
import { killGroup } from './watching.ts';

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

/** Starts an install and kills it, and all that it started, as soon as the disk is as `isMoment` says. */
export async function killHalfway(
  manager: Manager,
  project: string,
  spec: string,
  isMoment: () => boolean,
): Promise<void> {
  const [program = '', ...args] = toCommand(manager, 'add', [spec]);
  const child = spawn(program, args, { cwd: project, env: environment, detached: true, stdio: 'ignore' });
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.on('exit', (_, signal) => resolve(signal)));
  onTestFinished(() => {
    if (child.exitCode === null && child.signalCode === null) killGroup(child.pid);
  });
  while (!isMoment()) {
    if (child.exitCode !== null) throw new Error(`${manager.name} was through before it could be killed`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  killGroup(child.pid);
  expect(await ended).toBe('SIGKILL');
}

/** Some files of the new release are there, its package.json among them, and others are not. */
export const isTorn = (root: string, version: string, whole: number): boolean =>
  filesIn(root).length < whole * 0.7 && versionAt(root) === version;

export function versionAt(root: string): string | undefined {
  try {
    return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
  } catch {
    return undefined; // not there, or half written
  }
}
