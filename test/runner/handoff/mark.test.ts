import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { describe, expect, it } from 'vitest';
import { hasMark, MARKS } from '../../../src/runner/handoff/mark.ts';
import { repository } from '../../helpers/run.ts';
import { makeRunnerPackage, type RunnerProgram, startRunner } from '../../helpers/runner.ts';
import { makeDirectory, makeTemp, writeTree } from '../../helpers/temp.ts';
import { until } from '../../helpers/wait.ts';

const PART = 256 * 1024;

describe('a mark', () => {
  it.each(MARKS)('"%s" is found wherever it lies, across two parts of a large file too', async (mark) => {
    for (const at of [0, 1, PART - mark.length, PART - 3, PART, 2 * PART - 1]) {
      const bytes = Buffer.alloc(2 * PART + 100, '.');
      bytes.write(mark, at);
      const root = makeDirectory({ 'a.js': 'nothing', 'b/c.js': bytes });
      expect([at, await hasMark(root, ['a.js', 'b/c.js'])]).toEqual([at, true]);
      expect([at, await hasMark(join(root, 'b/c.js'), ['.'])]).toEqual([at, true]);
      bytes[at + 2] = 0;
      writeFileSync(join(root, 'b/c.js'), bytes);
      expect([at, await hasMark(root, ['a.js', 'b/c.js'])]).toEqual([at, false]);
    }
  });

  it('is found behind a name that is not UTF-8; what is gone, and what is no file, has none', async () => {
    const root = makeDirectory({ d: 'x' });
    writeFileSync(Buffer.from(`${root}/\xff.js`, 'latin1'), "import 'distprint/runner'");
    execFileSync('mkfifo', [join(root, 'fifo')]);
    expect(await hasMark(root, ['gone', 'fifo', 'd'])).toBe(false);
    expect(await hasMark(root, ['gone', 'fifo', 'd', '\\xff.js'])).toBe(true);
  });

  it('is in a host that was bundled and minified with distprint in it', async () => {
    const entry = join(makeTemp(), 'host.ts');
    writeFileSync(entry, `import { claimRunner } from '${repository}src/runner/index.ts';\nawait claimRunner();`);
    const bundle = await rolldown({ input: entry, platform: 'node', cwd: repository, external: ['valibot'] });
    const { output } = await bundle.generate({ minify: true });
    const file = join(makeTemp(), 'host.js');
    writeFileSync(file, output[0].code);
    expect(readFileSync(file, 'utf8')).not.toContain('fingerprint of what started');
    expect(await hasMark(file, ['.'])).toBe(true);
  });
});

/** A release of before the host used `claimRunner`: it says that it ran, and works on. */
function installForeign({ root }: RunnerProgram): string {
  const trace = join(makeTemp(), 'ran');
  const main = `import { writeFileSync } from 'node:fs';
writeFileSync(${JSON.stringify(trace)}, String(process.pid));
setInterval(() => {}, 1000);`;
  writeTree(root, {
    'package.json': { name: 'daemon', version: '0.9.0', type: 'module', bin: 'dist/main.js' },
    'dist/main.js': main,
    'dist/release.js': '',
  });
  return trace;
}

/** A runner whose files show by themselves that it calls `claimRunner`. */
async function startMarked(): Promise<RunnerProgram> {
  const root = makeRunnerPackage(makeTemp());
  writeTree(root, { 'dist/release.js': "export default '1.0.0'; // distprint/runner" });
  return await startRunner({ strategy: 'respawn' }, { root });
}

describe('a release that shows no mark', () => {
  it('is held back, and not run at all, where the running one shows one; the next release is moved to', async () => {
    const runner = await startMarked();
    const trace = installForeign(runner);
    const heldBack = await until('it to be held back', () => runner.state().distprint.heldBack ?? undefined);
    expect(heldBack).toMatchObject({
      gate: 'claim',
      reason: expect.stringMatching(/no file of it shows that it calls claimRunner.*start it by hand/),
    });
    await runner.beats(3);
    expect(existsSync(trace)).toBe(false);
    expect(runner.state().distprint).toMatchObject({ tried: null, handingOff: null });
    expect(runner.logs()).toHaveLength(1);
    makeRunnerPackage(runner.root, '2.0.0');
    writeTree(runner.root, { 'dist/more.js': '// distprint/runner' });
    expect(await runner.ended).toBe(0);
    await until('the next release', () => runner.said.find(({ generation }) => generation === 2));
  });

  it('is moved to where the running one shows none either: distprint is elsewhere then', async () => {
    const runner = await startRunner({ strategy: 'respawn' });
    runner.upgrade('2.0.0');
    expect(await runner.ended).toBe(0);
    await until('the next release', () => runner.said.find(({ generation }) => generation === 2));
  });
});
