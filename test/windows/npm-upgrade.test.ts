import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { type Check, createDetector } from '../../src/change/detector.ts';
import { toToken } from '../../src/manifest/manifest.ts';
import { built } from '../helpers/built.ts';
import { fingerprintOf } from '../helpers/manifest.ts';
import { isWine, onlyWith } from '../helpers/needs.ts';
import { plainEnv, run } from '../helpers/run.ts';
import { makeTemp } from '../helpers/temp.ts';
import { sleep } from '../helpers/wait.ts';
import { startWrapper } from '../helpers/wrapper.ts';
import { SAMPLES } from './packages.ts';

const npm = process.env.DISTPRINT_NPM; // test/windows/run.ts
const itWithNpm = onlyWith('npm run test:windows, on Windows', npm !== undefined);

async function runNpm(cwd: string, ...args: string[]): Promise<void> {
  const quiet = ['--offline', '--no-audit', '--no-fund', '--no-update-notifier'];
  const env = { ...plainEnv, npm_config_cache: join(cwd, 'cache') };
  const command = isWine ? [process.execPath, npm ?? ''] : [COMMAND_LINE, '/d', '/c', 'npm.cmd'];
  const ran = await run([...command, ...args, ...quiet], { cwd, env, timeout: 120_000 });
  if (ran.code !== 0) throw new Error(`npm ${args.join(' ')} exited with ${ran.code}:\n${ran.stdout}${ran.stderr}`);
}

const COMMAND_LINE = process.env.ComSpec ?? 'cmd.exe';

/** Wine's cmd.exe can't run npm's shims. There Node runs what the shim names. */
function toCommand(shim: string): string[] {
  if (!isWine) return [COMMAND_LINE, '/d', '/c', shim];
  const [, named = ''] = /"%dp0%\\([^"]+)" +%\*/.exec(readFileSync(shim, 'utf8')) ?? [];
  return [process.execPath, join(dirname(shim), named)];
}

itWithNpm.each([
  ['npm i -g', 'sample', 'node_modules/sample', (prefix: string) => ['-g', '--prefix', prefix]],
  ['npm i', 'node_modules/.bin/sample', 'node_modules/sample', (prefix: string) => ['--prefix', prefix]],
])(
  'an upgrade by %s is one change, at its end, and the shims start what is installed',
  { timeout: 300_000 },
  async (_, shim, at, where) => {
    const folder = makeTemp();
    const [one, two] = SAMPLES.map((version) =>
      join(process.env.DISTPRINT_PACKAGES ?? '', `sample-${version}.tgz`),
    ) as [string, string];
    const prefix = join(folder, 'prefix');
    mkdirSync(prefix);
    const root = join(prefix, at);
    await runNpm(folder, 'install', ...where(prefix), one);
    const before = fingerprintOf(root);
    const detector = createDetector({ path: root });
    const seen: Check[] = [];
    let isOver = false;
    const watching = (async () => {
      while (!isOver || seen.at(-1)?.verdict !== 'changed') {
        const check = await detector.check();
        if (check.verdict !== seen.at(-1)?.verdict || check.fingerprint !== seen.at(-1)?.fingerprint) seen.push(check);
        await sleep(5);
      }
    })();
    await runNpm(folder, 'install', ...where(prefix), two);
    isOver = true;
    await watching;
    const changed = seen.filter(({ verdict }) => verdict === 'changed');
    expect(changed).toHaveLength(1);
    expect(changed[0]).toMatchObject({
      fingerprint: fingerprintOf(root),
      versions: { started: '1.0.0', installed: '2.0.0' },
    });
    expect(changed[0]?.fingerprint).not.toBe(before);

    const path = join(prefix, shim);
    for (const name of [`${path}.cmd`, `${path}.ps1`]) expect(existsSync(name), name).toBe(true);
    expect(readFileSync(`${path}.cmd`, 'utf8')).toContain('sample\\dist\\cli.js');
    const env = {
      ...plainEnv,
      DROP_IN: built('drop-in.js'),
    };
    const said = await run(toCommand(`${path}.cmd`), { env });
    expect(said).toEqual({ code: 0, stdout: `${toToken(fingerprintOf(root))}\n`, stderr: '' });
  },
);

itWithNpm(
  'distprint run starts a command of npm i -g anew, once an upgrade is over',
  { timeout: 300_000 },
  async () => {
    const folder = makeTemp();
    const prefix = join(folder, 'prefix');
    mkdirSync(prefix);
    const install = (version: string) =>
      runNpm(
        folder,
        'install',
        '-g',
        '--prefix',
        prefix,
        join(process.env.DISTPRINT_PACKAGES ?? '', `sample-${version}.tgz`),
      );
    const token = () => toToken(fingerprintOf(join(prefix, 'node_modules/sample')));
    await install('1.0.0');
    const env = { DROP_IN: built('drop-in.js'), PATH: `${prefix};${plainEnv.PATH}` };
    const run = startWrapper(['--on-exit', 'wait', '--interval', '300ms'], ['sample'], { env });
    await run.line(String(token()));
    await run.event('ended');
    await install('2.0.0');
    expect((await run.event('restarted')).changed).toMatchObject({ from: '1.0.0', to: '2.0.0' });
    await run.line(String(token()));
    await run.event('ended', 2);
    expect(run.events('restarted')).toHaveLength(1);

    rmSync(join(prefix, 'sample.cmd'));
    const byPowerShell = startWrapper([], ['sample'], { env });
    expect(await byPowerShell.end()).toEqual({ code: 0, signal: null });
    expect(byPowerShell.lines()).toEqual([String(token())]);
  },
);
