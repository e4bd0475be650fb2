import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, inject, vi } from 'vitest';
import { inForm } from '../../helpers/long.ts';
import { itOnPosix as it } from '../../helpers/on-posix.ts';
import { repository } from '../../helpers/run.ts';
import { makePackage, makeTemp } from '../../helpers/temp.ts';
import { until } from '../../helpers/wait.ts';
import { isThere, serverOf, startWrapper } from '../../helpers/wrapper.ts';

vi.setConfig({ testTimeout: 60_000 }); // each starts several processes, on a busy machine too

/** The processes that work in this folder. */
function findIn(folder: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && workingDirectory(pid) === folder);
}

function workingDirectory(pid: number): string | undefined {
  try {
    return execFileSync('readlink', [`/proc/${pid}/cwd`], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}

const two = 'node a.js & node b.js';
const twoServers = () => makePackage({ 'a.js': serverOf('a'), 'b.js': serverOf('b') });

describe('what a command started', () => {
  const restarts = inForm('restarts of a shell and its two', [20, 500], (n) => n === 20).at(-1) as number;

  it(`leaves nobody after ${restarts} restarts`, { timeout: 20_000 + restarts * 1_000 }, async () => {
    const cwd = twoServers();
    const wrapper = startWrapper(['--watch', cwd], ['sh', '-c', two], { cwd });
    for (let i = 1; i <= restarts; i++) {
      await until(`start ${i}`, () => (wrapper.lines().length >= i ? true : undefined)); // at any moment of a start
      wrapper.child.kill('SIGUSR2');
      await wrapper.event('restarted', i);
    }
    await until('both', () =>
      wrapper
        .lines()
        .slice(-2)
        .join()
        .match(/a .*b |b .*a /)
        ? true
        : undefined,
    );
    const last = wrapper.events('restarted').at(-1)?.pid as number;
    const left = findIn(cwd).filter((pid) => pid !== wrapper.pid);
    expect(left).toHaveLength(3);
    expect(left).toContain(last);
    await wrapper.end('SIGTERM');
    expect(findIn(cwd)).toEqual([]);
  });

  it('ends with a wrapper that got SIGKILL, in whatever group and session it is', async () => {
    const cwd = twoServers();
    const wrapper = startWrapper(['--watch', cwd], ['sh', '-c', `setsid node a.js & (node b.js &) ; wait`], { cwd });
    await wrapper.line('a ');
    await wrapper.line('b ');
    expect(findIn(cwd).length).toBeGreaterThan(3);
    await wrapper.end('SIGKILL');
    await until('nobody', () => (findIn(cwd).length === 0 ? true : undefined));
  });
});

describe("the wrapper's own release", () => {
  it('may be replaced, or be gone, while it runs', async () => {
    const own = makeTemp();
    const from = dirname(dirname(inject('builtCli')));
    cpSync(join(from, '..', 'package.json'), join(own, 'package.json'));
    cpSync(from, join(own, 'dist'), { recursive: true });
    symlinkSync(fileURLToPath(new URL('node_modules', `file://${repository}`)), join(own, 'node_modules'));
    const root = makePackage({ 'dist/server.js': serverOf('one') });
    const cli = [process.execPath, join(own, 'dist/cli/main.js')];
    const wrapper = startWrapper(['--verbose'], ['node', 'dist/server.js'], { cwd: root, cli });
    await wrapper.loaded();
    renameSync(join(own, 'dist'), join(own, 'gone'));
    renameSync(join(own, 'node_modules'), join(own, 'gone-too'));
    writeFileSync(join(root, 'dist/server.js'), serverOf('two'));
    await wrapper.line('two');
    const { pid } = await wrapper.event('restarted');
    wrapper.child.kill('SIGUSR2');
    await wrapper.event('restarted', 2);
    expect(isThere(pid as number)).toBe(false);
    writeFileSync(join(root, 'dist/server.js'), 'process.exit(6)');
    expect(await wrapper.end()).toEqual({ code: 6, signal: null });
    expect(wrapper.stderr()).not.toMatch(/Error|unexpected/);
    expect(readFileSync(join(own, 'gone/cli/main.js'), 'utf8')).not.toBe('');
  });
});
