import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished } from 'vitest';
import { readHolder } from '../../../src/runner/role/lock.ts';
import { createPresence } from '../../../src/runner/role/presence.ts';
import { lockBaseOf } from '../../../src/runner/role/state-file.ts';
import { built } from '../../helpers/built.ts';
import { isRoot, onlyWith } from '../../helpers/needs.ts';
import { me } from '../../helpers/role.ts';
import { plainEnv } from '../../helpers/run.ts';
import { launchRunner, startRunner } from '../../helpers/runner.ts';
import { itWithDisk, makeSmallDisk, remount } from '../../helpers/small-disk.ts';
import { makeTemp, removeAtOnce } from '../../helpers/temp.ts';
import { until } from '../../helpers/wait.ts';

const itOnLinux = onlyWith('abstract sockets', process.platform === 'linux');
const itAsRoot = onlyWith('root', isRoot && process.platform === 'linux');

/** No beat writes what is deleted in the meantime: none comes by its interval, and none is woken. */
const SELDOM = [{ intervalMs: 3_600_000 }, { env: { DISTPRINT_DISABLE_HANDOFF: '1' } }] as const;

async function expectRefused(stateFile: string, byPid: number): Promise<void> {
  const second = launchRunner({ stateFile });
  expect(await second.ended).toBe(1);
  expect(second.stderr()).toContain(`another runner lives: process ${byPid} serves for ${lockBaseOf(stateFile)}`);
  expect(second.said).toEqual([]);
}

describe('a runner whose files are gone', () => {
  itOnLinux('still is the one runner: a second start is refused, and free once it has ended', async () => {
    const first = await startRunner(...SELDOM);
    const { stateFile } = first;
    removeAtOnce(dirname(stateFile));
    await expectRefused(stateFile, first.pid);
    expect(readHolder(lockBaseOf(stateFile))).toBeUndefined();
    process.kill(first.pid, 'SIGKILL');
    await first.ended;
    const heir = await startRunner({ stateFile });
    expect(heir.state().distprint.generation).toBe(1);
  });

  itOnLinux('is found by its successor in a hand-off, and by itself after one that failed', async () => {
    const runner = await startRunner({ strategy: 'respawn', readyTimeoutMs: 2_000 });
    const find = () => createPresence(runner.stateFile, me).findOther();
    expect(find()).toBe(runner.pid);
    runner.upgrade('2.0.0-hangs');
    await until('the grant', () => (readHolder(lockBaseOf(runner.stateFile))?.generation === 2 ? true : undefined));
    await until('the failure', () => runner.logs().find((line) => /hand-off to .* failed/.test(line)));
    await until('it to be seen again', () => (find() === runner.pid ? true : undefined));

    runner.upgrade('3.0.0');
    expect(await runner.ended).toBe(0);
    const heir = await until('the replacement', () => runner.said.find(({ isHandedOver }) => isHandedOver));
    expect(find()).toBe(heir.ready);
  });

  itOnLinux('is not seen where it was stopped', async () => {
    const stateFile = join(makeTemp(), 'state/runner.state.json');
    const presence = createPresence(stateFile, me);
    await presence.show();
    const first = launchRunner({ stateFile });
    expect(await first.ended).toBe(1);
    presence.hide();
    await startRunner({ stateFile });
  });
});

itWithDisk('a read-only folder has one runner', async () => {
  const disk = makeSmallDisk();
  const stateFile = join(disk, 'runner.state.json');
  await remount(disk, 'ro');
  const first = await startRunner({ stateFile });
  await expectRefused(stateFile, first.pid);
  expect(first.isAlive()).toBe(true);
});

itAsRoot('another user who takes the name keeps no runner from starting', async () => {
  const stateFile = join(makeTemp(), 'state/runner.state.json');
  mkdirSync(dirname(stateFile));
  const source = `
    import { createPresence } from ${JSON.stringify(built('runner/role/presence.js'))};
    process.setgid(65534);
    process.setuid(65534);
    process.getuid = () => 0; // so that the name is that of our user
    const presence = createPresence(${JSON.stringify(stateFile)}, ${JSON.stringify(me)});
    await presence.show();
    console.log('shown');
    setInterval(() => {}, 1000);`;
  const squatter = spawn(process.execPath, ['--input-type=module', '-e', source], { env: plainEnv });
  onTestFinished(() => void squatter.kill('SIGKILL'));
  await once(squatter.stdout, 'data');
  const runner = await startRunner({ stateFile });
  expect(runner.logs()).toEqual([]);
});
