import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { errnoOf } from '../../src/errors.ts';
import { identify, isAlive } from '../../src/platform/process-id.ts';
import { readHolder } from '../../src/runner/role/lock.ts';
import { lockBaseOf } from '../../src/runner/role/state-file.ts';
import { type RunnerProgram, startRunner } from '../helpers/runner.ts';
import { itWithDisk, makeSmallDisk, remount } from '../helpers/small-disk.ts';
import { until } from '../helpers/wait.ts';

/** Leaves not a byte. */
function fill(place: string): void {
  for (let i = 0; ; i++) {
    try {
      writeFileSync(join(place, `filler-${i}`), Buffer.alloc(4096));
    } catch (error) {
      if (errnoOf(error) === 'ENOSPC') return;
      throw error;
    }
  }
}

const empty = (place: string) => {
  for (let i = 0; i < 100; i++) rmSync(join(place, `filler-${i}`), { force: true });
};

const saysOnce = async (runner: RunnerProgram, pattern: RegExp) => {
  await until(`a line like ${pattern}`, () => runner.logs().find((line) => pattern.test(line)));
  await new Promise((resolve) => setTimeout(resolve, 300)); // ten beats more
  expect(runner.logs().filter((line) => pattern.test(line))).toHaveLength(1);
};

describe('a disk that is full or read-only', () => {
  itWithDisk(
    'when the state is to be written: a running runner lives on, says so once, and writes again when it can',
    async () => {
      const disk = makeSmallDisk();
      const runner = await startRunner({ stateFile: join(disk, 'runner.state.json') });
      fill(disk);
      await saysOnce(runner, /the state can't be written.*ENOSPC/);
      expect(runner.isAlive()).toBe(true);
      empty(disk);
      await runner.beats(2);

      await remount(disk, 'ro');
      await saysOnce(runner, /the state can't be written.*EROFS/);
      expect(runner.isAlive()).toBe(true);
      await remount(disk, 'rw');
      await runner.beats(2);
      expect(runner.state()).toMatchObject({ pid: runner.pid, distprint: { generation: 1, ready: true } });
    },
  );

  itWithDisk.each(['full', 'read-only'])(
    '%s at the start: a runner starts, and records its role once it can',
    async (how) => {
      const disk = makeSmallDisk();
      const stateFile = join(disk, 'state/runner.state.json');
      if (how === 'full') {
        mkdirSync(join(disk, 'state'));
        fill(disk);
      } else await remount(disk, 'ro');
      const runner = await startRunner({ stateFile });
      expect(runner.logs()[0]).toMatch(/the lock can't be written .*(?:ENOSPC|EROFS|ENOENT).*; going on without it/);
      expect(readHolder(lockBaseOf(stateFile))).toBeUndefined();
      if (how === 'full') empty(disk);
      else await remount(disk, 'rw');
      const holder = await until('its record', () => readHolder(lockBaseOf(stateFile)));
      expect(holder).toEqual({ process: identify(runner.pid), generation: 1 });
      await until('its state', () => {
        try {
          return runner.state().pid === runner.pid || undefined;
        } catch {
          return undefined; // not yet
        }
      });
    },
  );

  itWithDisk('never makes two of one: whoever starts then finds the role taken', async () => {
    const disk = makeSmallDisk();
    const stateFile = join(disk, 'runner.state.json');
    await startRunner({ stateFile });
    await remount(disk, 'ro');
    await expect(startRunner({ stateFile })).rejects.toThrow(/it ended/);
  });

  itWithDisk(
    'when a replacement that was granted the role is ended again: the old one goes on, and has it again',
    async () => {
      const disk = makeSmallDisk();
      const stateFile = join(disk, 'runner.state.json');
      const runner = await startRunner({ stateFile, strategy: 'respawn', readyTimeoutMs: 2_000 });
      runner.upgrade('2.0.0-hangs');
      const granted = await until('the grant', () => {
        const holder = readHolder(lockBaseOf(stateFile));
        return holder?.generation === 2 ? holder : undefined;
      });
      expect(granted.process.pid).not.toBe(runner.pid);
      await until('its state', () => runner.state().distprint.generation === 2 || undefined);
      fill(disk);
      await until('the hand-off to have failed', () =>
        runner.logs().find((line) => /hand-off to .* failed/.test(line)),
      );
      expect(runner.said.flatMap(({ host }) => host ?? [])).toEqual(['releases', 'resumes']);
      expect(isAlive(granted.process)).toBe(false);
      await until('its trouble to be said', () =>
        runner.logs().find((line) => /lock can't be written.*ENOSPC/.test(line)),
      );
      expect(runner.isAlive()).toBe(true);
      empty(disk);
      const holder = await until('the record of its role', () => {
        const now = readHolder(lockBaseOf(stateFile));
        return now?.process.pid === runner.pid ? now : undefined;
      });
      expect(holder).toEqual({ process: identify(runner.pid), generation: 3 });
      await runner.beats(2);
      expect(runner.state().distprint).toMatchObject({ generation: 3, tried: { version: '2.0.0-hangs', failures: 1 } });
    },
  );
});
