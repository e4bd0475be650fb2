import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, copyFileSync, linkSync, mkdirSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { identify, type ProcessId } from '../../../src/platform/process-id.ts';
import { lookAtExecutable } from '../../../src/runner/role/executable.ts';
import { hasProgram, isRoot, onlyWith, succeeds } from '../../helpers/needs.ts';
import { makeTemp } from '../../helpers/temp.ts';

const onLinux = onlyWith('Linux: it alone keeps the executable that runs', process.platform === 'linux');
const inChroot = onlyWith(
  'Linux, and root',
  process.platform === 'linux' && isRoot && succeeds('unshare', '-m', 'true'),
);
const inMemory = onlyWith('Linux, and Python', process.platform === 'linux' && hasProgram('python3'));

/** A process of its own copy of Node. */
async function startCopy(name = 'node') {
  const folder = join(makeTemp(), 'version');
  mkdirSync(folder);
  const path = join(folder, name);
  copyFileSync(process.execPath, path);
  return { path, folder, ...(await start([path])) };
}

/** The command becomes Node, without a process more. */
async function start([file = '', ...args]: readonly string[]) {
  const child = spawn(file, [...args, '-e', 'console.log(1); setInterval(() => {}, 1e6)'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  await once(child.stdout, 'data');
  const running = identify(child.pid as number) as ProcessId;
  return { child, ended, running };
}

/** Python's, as Node has no memfd_create(2). */
const FROM_MEMORY = `
import os, sys
fd = os.memfd_create('node')
with open(sys.argv[1], 'rb') as file, open(fd, 'wb', closefd=False) as memory: memory.write(file.read())
os.execv(f'/proc/self/fd/{fd}', sys.argv[1:])`;

describe('the executable of a process', () => {
  onLinux('is installed while nobody touches it', async () => {
    const { path, running } = await startCopy();
    expect(lookAtExecutable(running)).toEqual({ path, state: 'installed' });
  });

  onLinux('is deleted where it was removed, with its folder too', async () => {
    const { path, folder, running } = await startCopy();
    rmSync(path);
    expect(lookAtExecutable(running)).toEqual({ path, state: 'deleted' });
    rmSync(folder, { recursive: true });
    expect(lookAtExecutable(running)).toEqual({ path, state: 'deleted' });
  });

  onLinux('is replaced where other bytes took its place, and not where the same came again', async () => {
    const { path, running } = await startCopy();
    const next = `${path}.next`;
    copyFileSync(process.execPath, next);
    renameSync(next, path);
    expect(lookAtExecutable(running)).toEqual({ path, state: 'installed' });
    copyFileSync(process.execPath, next);
    appendFileSync(next, 'x');
    renameSync(next, path);
    expect(lookAtExecutable(running)).toEqual({ path, state: 'replaced' });
  });

  onLinux('is deleted where a file took the place of its folder', async () => {
    const { path, folder, running } = await startCopy();
    rmSync(folder, { recursive: true });
    copyFileSync('/bin/sh', folder);
    expect(lookAtExecutable(running)).toEqual({ path, state: 'deleted' });
  });

  onLinux('may really be named as Linux names one that was deleted', async () => {
    const { path, running } = await startCopy('node (deleted)');
    expect(lookAtExecutable(running)).toEqual({ path, state: 'installed' });
    linkSync(path, join(makeTemp(), 'kept'));
    rmSync(path);
    expect(lookAtExecutable(running)).toEqual({ path, state: 'deleted' });
  });

  inChroot('in a chroot is looked for there', async () => {
    const folder = makeTemp();
    const into = 'mount --rbind / "$0" && exec chroot "$0" "$@"';
    const { running } = await start(['unshare', '-m', 'sh', '-c', into, folder, process.execPath]);
    expect(lookAtExecutable(running)).toMatchObject({
      path: join(folder, realpathSync(process.execPath)),
      state: 'installed',
    });
  });

  inMemory('that never had a path is not known, and was not deleted', async () => {
    const { running } = await start(['python3', '-c', FROM_MEMORY, process.execPath]);
    expect(lookAtExecutable(running)).toBeNull();
  });

  onLinux('of a process that has ended, or of another that has its PID, is not known', async () => {
    const { running, child, ended } = await startCopy();
    expect(lookAtExecutable({ ...running, started: running.started.replace(/\d+$/, '0') })).toBeNull();
    child.kill('SIGKILL');
    await ended;
    expect(lookAtExecutable(running)).toBeNull();
  });

  it('of a process of another machine is not known', () => {
    const started = '00000000-0000-0000-0000-000000000000/pid:[1]/1';
    expect(lookAtExecutable({ pid: process.pid, started })).toBeNull();
  });
});
