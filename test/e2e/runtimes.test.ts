import { cpSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { toToken } from '../../src/index.ts';
import { nodeCommand } from '../helpers/run.ts';
import { makeTemp } from '../helpers/temp.ts';
import { type Host, MAJORS, makeHost, type Running, start, touchAll, writeRelease } from './host.ts';
import { must } from './managers.ts';
import { fetchBun, fetchNode } from './tools.ts';
import { fingerprintOf, settle } from './watching.ts';

const bun = fetchBun();
const node = MAJORS.map((major) => [`Node ${major}`, fetchNode(major), 'host.js'] as const);
const runtimes: readonly (readonly [string, string | undefined, string])[] = [
  ...node,
  ['Node with tsx', process.execPath, 'host.ts'],
  ['Bun', bun, 'host.js'],
];

const tokenOf = (path: string) => toToken(fingerprintOf(path));

async function expectTokenOf(running: Running, path: string): Promise<unknown> {
  const token = await running.token();
  expect(Number.isSafeInteger(token)).toBe(true);
  expect(token).toBeGreaterThan(0);
  expect(token).toBe(tokenOf(path));
  return token;
}

/** npm's way to install a release in place, stopped in the middle for longer than anything takes to settle. */
async function installSlowly({ root }: Host, during: () => Promise<void>): Promise<void> {
  const retired = join(dirname(root), '.host-aB3dE6gH');
  renameSync(root, retired);
  await during();
  mkdirSync(root);
  writeFileSync(join(root, 'package.json'), '{"name": "host", "version": "2.0.0"}');
  await during();
  await settle();
  await during();
  cpSync(join(retired, 'dist'), join(root, 'dist'), { recursive: true });
  rmSync(retired, { recursive: true });
}

/** The detector and its heartbeat, in the process that `command` starts on a directory. */
async function expectDetectorWorks(command: readonly string[]): Promise<void> {
  const directory = makeTemp();
  writeFileSync(join(directory, 'a'), '1');
  const running = start([...command, directory], directory);
  expect(await running.next()).toEqual({ check: 'current', checkSync: 'current' });
  writeFileSync(join(directory, 'a'), '2');
  expect(await running.next()).toEqual({ changed: fingerprintOf(directory) });
  expect(await running.end()).toBe(0);
}

for (const [name, program, entry] of runtimes) {
  describe.skipIf(program === undefined)(name, () => {
    const command = (script: string) => [...(entry === 'host.ts' ? nodeCommand : [program as string]), script];

    it('gives the token of the package around its entry script, through its bin link', async () => {
      const host = makeHost(entry);
      const running = start(command(host.bin), host.project);
      const runtime = entry === 'host.ts' ? `Node ${process.versions.node.split('.')[0]}` : name;
      expect(await running.whoAmI()).toEqual({ runtime, release: 1 });
      await expectTokenOf(running, host.root);
    });

    it('gives the same token after a touch of everything, and another for one other byte once that has settled', async () => {
      const host = makeHost(entry);
      const running = start(command(host.bin), host.project);
      const first = await expectTokenOf(running, host.root);
      touchAll(host.root);
      expect(await running.token()).toBe(first);
      await settle();
      expect(await running.token()).toBe(first);
      writeRelease(host.root, 2);
      expect(await running.token()).toBe(first);
      await settle();
      expect(await expectTokenOf(running, host.root)).not.toBe(first);
      expect(await running.end()).toBe(0);
    });

    it('gives the last token in the middle of an install, and none when it stays uninstalled', async () => {
      const host = makeHost(entry);
      const running = start(command(host.bin), host.project);
      const first = await running.token();
      await installSlowly(host, async () => expect(await running.token()).toBe(first));
      expect(await running.token()).toBe(first);
      await settle();
      expect(await expectTokenOf(running, host.root)).not.toBe(first);
      rmSync(host.root, { recursive: true });
      await running.token();
      await settle();
      expect(await running.token()).toBeNull();
    });

    it('runs a detector and its heartbeat, which does not keep the process alive', async () => {
      await expectDetectorWorks(command(makeHost(entry).bin));
    });
  });
}

describe.skipIf(bun === undefined)('an executable that `bun build --compile` made', () => {
  /** Two releases of one program. */
  async function compile(): Promise<{ running: string; other: string }> {
    const { project, root } = makeHost();
    const build = async (release: number) => {
      writeRelease(root, release);
      const executable = join(project, `release-${release}`);
      await must([bun as string, 'build', '--compile', join(root, 'dist/host.js'), '--outfile', executable], project);
      return executable;
    };
    return { running: await build(1), other: await build(2) };
  }

  it('gives the token of its own file, the same after a touch and after the same bytes were put in its place', async () => {
    const { running: executable } = await compile();
    const running = start([executable], dirname(executable));
    expect(await running.whoAmI()).toEqual({ runtime: 'Bun', release: 1 });
    const first = await expectTokenOf(running, executable);
    utimesSync(executable, new Date(), new Date());
    expect(await running.token()).toBe(first);
    cpSync(executable, `${executable}.new`);
    renameSync(`${executable}.new`, executable);
    expect(await running.token()).toBe(first);
    await settle();
    expect(await running.token()).toBe(first);
  });

  it('is current for a detector that was created after a touch, or a copy in its place; another build is not', async () => {
    const { project, root } = makeHost();
    const late = join(root, 'dist/late.js');
    writeFileSync(
      late,
      `import { cpSync, renameSync, utimesSync } from 'node:fs';
      import { setTimeout as delay } from 'node:timers/promises';
      import { createDetector } from 'distprint';
      const [how, path] = process.argv.slice(2);
      const other = path + '.other';
      if (how === 'touch') utimesSync(path, new Date(), new Date());
      if (how !== 'touch') {
        cpSync(how === 'copy' ? path : how, other);
        renameSync(other, path);
      }
      const detector = createDetector({ path, settleMs: 50 });
      for (let check; (check = await detector.check()); await delay(10))
        if (check.verdict !== 'settling') {
          console.log(JSON.stringify({ verdict: check.verdict, reason: check.reason }));
          break;
        }`,
    );
    const executable = join(project, 'late');
    await must([bun as string, 'build', '--compile', late, '--outfile', executable], project);
    const { other } = await compile();
    const see = (how: string) => start([executable, how, executable], project).next();
    expect(await see('touch')).toEqual({ verdict: 'current' });
    expect(await see('copy')).toEqual({ verdict: 'current' });
    const reason = expect.stringContaining('changed after this process started');
    expect(await see(other)).toEqual({ verdict: 'changed', reason });
  });

  it('gives another token once another build was renamed into its place and has settled, and none when it is gone', async () => {
    const { running: executable, other } = await compile();
    const running = start([executable], dirname(executable));
    const first = await running.token();
    renameSync(other, executable);
    expect(await running.token()).toBe(first);
    await settle();
    expect(await expectTokenOf(running, executable)).not.toBe(first);
    rmSync(executable);
    await running.token();
    await settle();
    expect(await running.token()).toBeNull();
    expect(await running.end()).toBe(0);
  });

  it('runs a detector and its heartbeat, which does not keep the process alive', async () => {
    await expectDetectorWorks([(await compile()).running]);
  });
});
