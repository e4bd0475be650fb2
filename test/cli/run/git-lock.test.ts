import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { findGitLock } from '../../../src/cli/run/git-lock.ts';
import { isPosix, onlyWith } from '../../helpers/needs.ts';
import { makeFifo } from '../../helpers/specials.ts';
import { makePackage, makeTemp, writeTree } from '../../helpers/temp.ts';
import { sleep } from '../../helpers/wait.ts';
import { serverOf, startWrapper } from '../../helpers/wrapper.ts';

vi.setConfig({ testTimeout: 60_000 });

const onPosix = onlyWith('FIFOs', isPosix);

it('is found at and above the path, in a repository, a worktree and a submodule', () => {
  const root = makeTemp();
  expect(findGitLock(root)).toBeUndefined();
  writeTree(root, {
    'main/.git/index.lock': '',
    'main/.git/worktrees/other/index.lock': '',
    'main/dist/a.js': '',
    'other/.git': `gitdir: ${join(root, 'main/.git/worktrees/other')}\n`,
    'other/dist/a.js': '',
    'main/part/.git': 'gitdir: ../.git/modules/part\n',
    'idle/.git/HEAD': '',
  });
  const lock = join(root, 'main/.git/index.lock');
  expect(findGitLock(join(root, 'main/dist/a.js'))).toBe(lock);
  expect(findGitLock(join(root, 'other/dist'))).toBe(join(root, 'main/.git/worktrees/other/index.lock'));
  expect(findGitLock(join(root, 'main/part'))).toBeUndefined();
  expect(findGitLock(join(root, 'idle'))).toBeUndefined();
});

onPosix('is not waited for where .git is a FIFO', () => {
  const root = makeTemp();
  makeFifo(join(root, '.git'));
  expect(findGitLock(root)).toBeUndefined();
});

it('counts as left over after 10 s, by the clock or against it', () => {
  const root = makeTemp();
  writeTree(root, { '.git/index.lock': '' });
  const lock = join(root, '.git/index.lock');
  for (const ageMs of [-60_000, -11_000, 0, 11_000]) {
    const at = new Date(Date.now() - ageMs);
    utimesSync(lock, at, at);
    expect(findGitLock(root), `${ageMs}`).toBe(ageMs === 0 ? lock : undefined);
  }
});

it('holds a restart back: what comes and goes under it restarts nothing, what stays does once it is gone', async () => {
  const root = makePackage({ 'dist/server.js': serverOf('one') });
  mkdirSync(join(root, '.git'));
  const lock = join(root, '.git/index.lock');
  const write = (version: string) => writeFileSync(join(root, 'dist/server.js'), serverOf(version));
  const run = startWrapper(['--verbose'], ['node', 'dist/server.js'], { cwd: root });
  await run.loaded();
  writeFileSync(lock, '');
  write('two');
  await sleep(1_000); // five times what settles without a lock
  expect(run.events('restarted')).toEqual([]);
  write('one');
  rmSync(lock);
  await sleep(1_000);
  expect(run.events().map(({ event }) => event)).toEqual(['started']);
  writeFileSync(lock, '');
  write('three');
  await sleep(1_000);
  expect(run.events('restarted')).toEqual([]);
  rmSync(lock);
  await run.line('three');
});
