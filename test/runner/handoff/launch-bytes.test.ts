import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, vi } from 'vitest';
import { toFsPath, toRaw } from '../../../src/disk/raw-path.ts';
import { type Launch, spawnAlike, whyNoExec } from '../../../src/runner/handoff/launch.ts';
import { onlyWith } from '../../helpers/needs.ts';
import { makeTemp } from '../../helpers/temp.ts';

const ENV = [`PATH=${process.env.PATH}`, 'EMPTY=', `QUOTED="a" 'b' \\ $HOME`, 'LINES=a\nb\n', 'EQUAL=a=b='];

const it = onlyWith('Linux, which shows the words', process.platform === 'linux');

/** A launch of a shell that writes down how it was started. */
function makeLaunch(more: Partial<Launch> = {}) {
  const out = makeTemp();
  const code = `cp /proc/$$/environ ${out}/env; cp /proc/$$/cmdline ${out}/argv; pwd -P > ${out}/cwd; umask > ${out}/umask`;
  const argv = ['sh', '-c', code, ...(more.argv ?? [])];
  const launch: Launch = { file: '/bin/sh', cwd: toRaw(makeTemp()), env: ENV, umask: 0o26, ...more, argv };
  const nulls = (name: string) => readFileSync(join(out, name), 'latin1').split('\0').slice(0, -1);
  return {
    launch,
    async run() {
      const child = spawnAlike(launch, { EXTRA: 'ä' }, { stdio: 'inherit', detached: false });
      expect(await new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)))).toBe(0);
      return {
        argv: nulls('argv').slice(1),
        env: nulls('env').sort(),
        cwd: readFileSync(join(out, 'cwd'), 'latin1').slice(0, -1),
        umask: readFileSync(join(out, 'umask'), 'latin1').trim(),
      };
    },
  };
}

const bytes = (folder: string) => {
  const cwd = `${toRaw(folder)}/d\xff`;
  mkdirSync(toFsPath(cwd));
  return { argv: ['\xff\xfe', '', "it's"], cwd };
};

describe('what is launched again', () => {
  it.each([
    ['text', () => ({})],
    ['arguments and a directory that are not UTF-8', bytes],
    ['variables that are not UTF-8', () => ({ env: [...ENV, "RAW=\xff'\xfe", 'PWD=/elsewhere'] })],
  ])('is the same to the byte: %s', async (_, make) => {
    const { launch, run } = makeLaunch(make(makeTemp()));
    expect(await run()).toEqual({
      argv: launch.argv.slice(1),
      env: [...launch.env, toRaw('EXTRA=ä')].sort(),
      cwd: launch.cwd,
      umask: '0026',
    });
  });

  it('has its environment on no command line, where every user may read it', async () => {
    const folder = makeTemp();
    const told = join(folder, 'told');
    writeFileSync(join(folder, 'env'), `#!/bin/sh\nprintf '%s\\n' "$@" > ${told}\nexec /usr/bin/env "$@"\n`);
    chmodSync(join(folder, 'env'), 0o755);
    onTestFinished(() => void vi.unstubAllEnvs());
    vi.stubEnv('PATH', `${folder}:${process.env.PATH}`);
    const env = [`PATH=${process.env.PATH}`, 'SECRET=1', 'RAW=\xff'];
    await makeLaunch({ ...bytes(folder), env }).run();
    expect(existsSync(told)).toBe(false);
  });

  it.each(['lower.case-name=x', '1=2', 'R\xe9SUM\xc9=x', 'IFS=x'])(
    'is refused where a shell would have to start it, and would lose %j',
    (entry) => {
      const { launch } = makeLaunch({ argv: ['\xff'], env: [...ENV, entry] });
      expect(whyNoExec(launch)).toMatch(/not UTF-8, so a shell .* can't hand on the variable \S+$/);
      expect(() => spawnAlike(launch, {}, { stdio: 'ignore', detached: false })).toThrow(/can't hand on the variable/);
      const isText = entry !== 'R\xe9SUM\xc9=x';
      expect(whyNoExec({ ...launch, argv: ['sh'] }) === null).toBe(isText);
    },
  );
});
