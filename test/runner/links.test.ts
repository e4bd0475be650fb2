/** A deployment that repoints a link: what is watched, what is launched, and what runs are one program, or no hand-off is made. */

import { copyFileSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isRunnerRunningInstalledVersion, readRunnerStatus } from '../../src/runner/index.ts';
import { onlyWith } from '../helpers/needs.ts';
import { makeRunnerPackage, type RunnerPlace, type RunnerProgram, startRunner } from '../helpers/runner.ts';
import { makeTemp } from '../helpers/temp.ts';
import { until } from '../helpers/wait.ts';

const onLinux = onlyWith('Linux, which shows the words', process.platform === 'linux');

/** Two releases, and links to the first: `current` to its folder, `bin` to its script. */
function makeDeployment() {
  const folder = makeTemp();
  for (const i of [1, 2]) makeRunnerPackage(join(folder, `release-${i}`), `${i}.0.0`);
  const put = (name: string, target: string) => {
    symlinkSync(target, join(folder, `${name}.next`));
    renameSync(join(folder, `${name}.next`), join(folder, name));
  };
  const point = (release: number) => {
    put('current', `release-${release}`);
    put('bin', `release-${release}/dist/main.js`);
  };
  point(1);
  return { folder, current: join(folder, 'current'), upgrade: () => point(2) };
}

type Deployment = ReturnType<typeof makeDeployment>;

/** Of the code that ran, one after the other. */
const releasesOf = ({ said }: RunnerProgram) => said.flatMap(({ release }) => release ?? []);

async function expectMoves(runner: RunnerProgram, { upgrade }: Deployment): Promise<void> {
  upgrade();
  const after = await until('the replacement', () => runner.said.find(({ generation }) => generation === 2));
  expect(releasesOf(runner)).toEqual(['1.0.0', '2.0.0']);
  expect(await runner.ended).toBe(0);
  await until('its state', () => (runner.state().pid === after.ready && runner.state().distprint.ready) || undefined);
  expect(runner.state().distprint).toMatchObject({ version: '2.0.0', tried: null, heldBack: null });
  expect(readRunnerStatus({ stateFile: runner.stateFile }).installed).toMatchObject({
    verdict: 'current',
    version: '2.0.0',
  });
}

describe('a link that is repointed moves the runner to the new release', () => {
  type Way = readonly [string, (at: Deployment) => RunnerPlace, ((at: Deployment) => string)?];
  const WAYS: readonly Way[] = [
    ['by a path through the link', ({ current }) => ({ script: join(current, 'dist/main.js') })],
    ['by a link to the script', ({ folder }) => ({ script: join(folder, 'bin') })],
    ['by a relative link to the script', ({ folder }) => ({ cwd: folder, env: { PWD: folder }, script: './bin' })],
  ];
  /** Elsewhere Node shows an absolute path, without the link. */
  const BY_WORDS: readonly Way[] = [
    ['by a relative path', ({ current }) => ({ cwd: current, env: { PWD: current }, script: 'dist/main.js' })],
    [
      'by a relative path, with the link as `path`',
      ({ current }) => ({ cwd: current, env: { PWD: current }, script: './dist/main.js' }),
      ({ current }) => current,
    ],
  ];

  async function expectWokenMove(toPlace: Way[1], toPath: Way[2]): Promise<void> {
    const at = makeDeployment();
    const path = toPath?.(at);
    // No heartbeat comes by itself: what moves it is that it is woken.
    const runner = await startRunner(
      { strategy: 'respawn', intervalMs: 3_600_000, ...(path && { path }) },
      toPlace(at),
    );
    await expectMoves(runner, at);
  }

  for (const [how, toPlace, toPath] of WAYS) it(`started ${how}`, () => expectWokenMove(toPlace, toPath));
  for (const [how, toPlace, toPath] of BY_WORDS) onLinux(`started ${how}`, () => expectWokenMove(toPlace, toPath));
});

describe('a program that does not lie below what is watched', () => {
  it('once the link is repointed, is held back: what would be started is old code', async () => {
    const { current, upgrade } = makeDeployment();
    // As of a supervisor that does not say by which path it came to the directory.
    const place = { cwd: current, env: { PWD: undefined }, script: 'dist/main.js' };
    const runner = await startRunner({ strategy: 'respawn', path: current }, place);
    upgrade();
    const { reason } = await until('the hand-off to fail', () => runner.state().distprint.tried ?? undefined);
    expect(reason).toMatch(/release-1\/dist\/main\.js, is not below what is watched, .*current \(.*release-2\)/);
    await until('it to be held back', () => runner.state().distprint.heldBack ?? undefined);
    const verdict = await until('release 2 to settle', () => {
      const { installed } = readRunnerStatus({ stateFile: runner.stateFile });
      return installed?.verdict === 'settling' ? undefined : installed?.verdict;
    });
    expect(verdict).toBe('changed');
    expect(releasesOf(runner)).toEqual(['1.0.0']);
  });

  it('from the start, is never handed off, and says so; its status is not `current`', async () => {
    const { folder, upgrade } = makeDeployment();
    const place = { script: join(folder, 'release-1/dist/main.js') };
    const runner = await startRunner({ strategy: 'respawn', path: join(folder, 'release-2') }, place);
    const heldBack = { gate: 'program', reason: expect.stringContaining('start it by a path below that') };
    const expectHeldBack = () => {
      expect(runner.state().distprint).toMatchObject({ verdict: 'changed', heldBack });
      expect(readRunnerStatus({ stateFile: runner.stateFile }).installed?.verdict).toBe('changed');
      expect(isRunnerRunningInstalledVersion({ stateFile: runner.stateFile })).toBe(false);
    };
    expectHeldBack();
    upgrade();
    await runner.beats(3);
    expectHeldBack();
    expect(runner.logs()).toEqual([expect.stringContaining('no hand-off: the program that runs')]);
  });
});

describe('a runtime whose folder is removed', () => {
  it.each(['by a link that now leads to another', 'by its name, in $PATH'])('is found %s', async (how) => {
    const folder = makeTemp();
    const current = join(folder, 'current');
    for (const i of [1, 2]) mkdirSync(join(folder, `version-${i}`));
    copyFileSync(process.execPath, join(folder, 'version-1/node'));
    symlinkSync(process.execPath, join(folder, 'version-2/node'));
    symlinkSync('version-1', current);
    const isTyped = how.startsWith('by a link');
    const env = { PATH: `${join(folder, 'none')}:${current}:${process.env.PATH}` };
    const runner = await startRunner(
      { strategy: 'respawn' },
      isTyped ? { runtime: join(current, 'node') } : { runtime: 'node', env },
    );
    rmSync(current);
    rmSync(join(folder, 'version-1'), { recursive: true });
    symlinkSync('version-2', current);
    runner.upgrade('2.0.0');
    await until('the replacement', () => runner.said.find(({ generation }) => generation === 2));
    expect(releasesOf(runner)).toEqual(['1.0.0', '2.0.0']);
  });
});
