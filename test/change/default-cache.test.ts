import { chmodSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, vi } from 'vitest';
import { defaultCacheFile } from '../../src/change/default-cache.ts';
import { built } from '../helpers/built.ts';
import { onlyWith } from '../helpers/needs.ts';
import { itOnWindows } from '../helpers/on-windows.ts';
import { me, writeRole } from '../helpers/role.ts';
import { plainEnv, run } from '../helpers/run.ts';
import { makeTemp } from '../helpers/temp.ts';
import { makeSharedTemp } from '../helpers/tree.ts';
import { sleep } from '../helpers/wait.ts';

const MB = 1024 * 1024;
const itOnLinux = onlyWith('/proc/PID/io', process.platform === 'linux');

const temp = makeSharedTemp();
const [large, small] = [join(temp, 'large'), join(temp, 'small')];
beforeAll(async () => {
  writeFileSync(large, Buffer.alloc(9 * MB, 'a'));
  writeFileSync(small, Buffer.alloc(7 * MB, 'a'));
  for (const file of [large, small]) chmodSync(file, 0o755);
  await sleep(2_100); // so that they have settled
});

interface Answer {
  token?: number;
  isInstalled?: boolean;
  /** Bytes that were read for it. */
  read: number;
}

/** What a short-lived command is told, and what it read for that. */
async function ask(expression: string, home: string): Promise<Answer> {
  const source = `
    import { readFileSync } from 'node:fs';
    import { createInstalledCliProbe } from ${JSON.stringify(built('drop-in.js'))};
    import { isRunnerRunningInstalledVersion } from ${JSON.stringify(built('runner/index.js'))};
    const countRead = () => Number(/rchar: (\\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))[1]);
    const before = countRead();
    const answer = ${expression};
    console.log(JSON.stringify({ ...answer, read: countRead() - before }));`;
  const env = { ...plainEnv, XDG_CACHE_HOME: home };
  const { stdout } = await run([process.execPath, '--input-type=module', '-e', source], { env });
  return JSON.parse(stdout);
}

const askProbe = (executable: string, home: string) =>
  ask(`{ token: createInstalledCliProbe({ executable: ${JSON.stringify(executable)} })() }`, home);

describe('a large executable', () => {
  itOnLinux('is read by the first command, and by the next ones no more', async () => {
    const home = makeTemp();
    const first = await askProbe(large, home);
    expect(first.read).toBeGreaterThan(9 * MB);
    const second = await askProbe(large, home);
    expect(second.token).toBe(first.token);
    expect(second.read).toBeLessThan(MB);
    expect(readdirSync(join(home, 'distprint'))).toHaveLength(1);
  });

  itOnLinux('is known to who asks whether a runner runs what is installed', async () => {
    const [home, stateFile] = [makeTemp(), join(makeTemp(), 'runner.state.json')];
    writeRole(stateFile, large, { holder: me, own: { path: large, coverage: { kind: 'executable' } } });
    const expression = `{ isInstalled: isRunnerRunningInstalledVersion({ stateFile: ${JSON.stringify(stateFile)} }) }`;
    expect((await ask(expression, home)).read).toBeGreaterThan(9 * MB);
    const again = await ask(expression, home);
    expect(again.isInstalled).toBe(true);
    expect(again.read).toBeLessThan(MB);
  });

  itOnLinux('is read again where the cache is damaged, or has no place', async () => {
    const home = makeTemp();
    const { token } = await askProbe(large, home);
    const [file] = readdirSync(join(home, 'distprint')) as [string];
    writeFileSync(join(home, 'distprint', file), 'damaged');
    expect(await askProbe(large, home)).toMatchObject({ token });
    expect((await askProbe(large, home)).read).toBeLessThan(MB);
    expect((await askProbe(large, join(home, 'distprint', file))).token).toBe(token);
  });
});

itOnWindows('on Windows it lies where programs keep what is of this machine alone', () => {
  const home = makeTemp();
  vi.stubEnv('XDG_CACHE_HOME', undefined);
  vi.stubEnv('LOCALAPPDATA', home);
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(defaultCacheFile(large)).toMatch(/\\distprint\\[0-9a-f]{16}\.cache$/);
  expect(readdirSync(home)).toEqual(['distprint']);
});

itOnLinux('a small executable has no cache', async () => {
  const home = makeTemp();
  expect((await askProbe(small, home)).token).toBeGreaterThan(0);
  expect(readdirSync(home)).toEqual([]);
});
