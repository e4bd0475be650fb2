import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { toToken } from '../src/manifest/manifest.ts';
import { built } from './helpers/built.ts';
import { itWithLinks } from './helpers/links.ts';
import { fingerprintOf } from './helpers/manifest.ts';
import { run } from './helpers/run.ts';
import { loopUrl, talk, writeProgram } from './helpers/talk.ts';
import { makeTemp } from './helpers/temp.ts';
import { makeSharedTemp, writePackage } from './helpers/tree.ts';
import { sleep, until } from './helpers/wait.ts';

const temp = makeSharedTemp();
const tokenOf = (root: string) => toToken(fingerprintOf(root));

/** A package with a program of its own, that says what token is installed of it. */
function writeHost(at: string, version: string, program = 'dist/cli.mjs'): string {
  const root = writePackage(join(temp, at), { 'package.json': { name: 'host', version }, 'dist/version': version });
  writeProgram(join(root, program));
  return root;
}

const host = writeHost('lib/node_modules/host', '1.0.0');
mkdirSync(join(temp, 'bin'));
symlinkSync('../lib/node_modules/host/dist/cli.mjs', join(temp, 'bin/host.mjs'));
symlinkSync('host.mjs', join(temp, 'bin/alias.mjs'));

const nested = writeHost('nested', '1.0.0', 'dist/deep/cli.js');
writeFileSync(join(nested, 'dist/package.json'), '{"type": "module"}');

const releases = ['1.0.0', '2.0.0'].map((version) => writeHost(`app/releases/${version}`, version));
symlinkSync('releases/1.0.0', join(temp, 'app/current'));

const reinstalled = writeHost('again/node_modules/host', '1.0.0');
writePackage(join(temp, 'again'), { 'package.json': { name: 'somebody-else', version: '9.9.9' } });

beforeAll(() => sleep(2_100)); // so that all of it has settled

async function tokenSaidBy(...entry: string[]): Promise<number | undefined> {
  const { ask, end } = await talk([process.execPath, ...entry]);
  const { token } = await ask({ do: 'installed' });
  await end();
  return token;
}

describe('without arguments it is the token of the package around the running entry script', () => {
  it('started by its path', async () => {
    expect(await tokenSaidBy(join(host, 'dist/cli.mjs'))).toBe(tokenOf(host));
  });

  itWithLinks('started through a bin link, and through a link to that', async () => {
    expect(await tokenSaidBy(join(temp, 'bin/host.mjs'))).toBe(tokenOf(host));
    expect(await tokenSaidBy(join(temp, 'bin/alias.mjs'))).toBe(tokenOf(host));
  });

  it('started by a path that Node completes', async () => {
    const root = writePackage(join(temp, 'completed'), { 'package.json': { name: 'host' }, 'dist/x': '' });
    const script = `import(${JSON.stringify(loopUrl)});`;
    writeFileSync(join(root, 'dist/cli.js'), script);
    writeFileSync(join(root, 'dist/index.js'), script);
    await sleep(2_100);
    expect(await tokenSaidBy(join(root, 'dist/cli'))).toBe(tokenOf(root));
    expect(await tokenSaidBy(join(root, 'dist'))).toBe(tokenOf(root));
  });

  it('whose dist has a package.json of its own that only says "type"', async () => {
    expect(await tokenSaidBy(join(nested, 'dist/deep/cli.js'))).toBe(tokenOf(nested));
  });

  itWithLinks(
    'behind a link to a directory that a deployment swaps: the token of the new release, once settled',
    async () => {
      const { ask } = await talk([process.execPath, join(temp, 'app/current/dist/cli.mjs')]);
      const [one, two] = releases as [string, string];
      expect(await ask({ do: 'installed' })).toEqual({ token: tokenOf(one) });
      symlinkSync('releases/2.0.0', join(temp, 'app/next'));
      renameSync(join(temp, 'app/next'), join(temp, 'app/current'));
      expect(await ask({ do: 'installed' })).toEqual({ token: tokenOf(one) });
      const token = await until('the token of the new release', async () => {
        const answer = await ask({ do: 'installed' });
        return answer.token === tokenOf(one) ? undefined : answer.token;
      });
      expect(token).toBe(tokenOf(two));
    },
  );

  it('that is away for a moment: the last one, and never that of the package above', async () => {
    const { ask } = await talk([process.execPath, join(reinstalled, 'dist/cli.mjs')]);
    const token = tokenOf(reinstalled);
    expect(await ask({ do: 'installed' })).toEqual({ token });
    renameSync(reinstalled, `${reinstalled}.away`);
    expect(await ask({ do: 'installed' })).toEqual({ token });
    renameSync(`${reinstalled}.away`, reinstalled);
    expect(await ask({ do: 'installed' })).toEqual({ token });
  });

  it('that was removed before the first call: undefined', async () => {
    const root = writeHost('removed/node_modules/host', '1.0.0');
    const { ask } = await talk([process.execPath, join(root, 'dist/cli.mjs')]);
    rmSync(root, { recursive: true });
    expect(await ask({ do: 'installed' })).toEqual({});
    expect(await ask({ do: 'installed' })).toEqual({});
  });
});

describe('without arguments it is undefined', () => {
  const source = JSON.stringify(built('drop-in.js'));
  const script = `import(${source}).then((d) => console.log(d.getInstalledCliMtimeMs(), d.getInstalledCliMtimeMs()));`;

  it('for node -e and for a script from stdin, which come from no package', async () => {
    const expected = { code: 0, stdout: 'undefined undefined\n', stderr: '' };
    expect(await run([process.execPath, '-e', script], { cwd: host })).toEqual(expected);
    expect(await run([process.execPath, '-e', script, join(host, 'dist/cli.mjs')])).toEqual(expected);
    expect(await run([process.execPath, '-'], { cwd: host, input: script })).toEqual(expected);
  });

  it('for a script that no package is around', async () => {
    const lonely = join(makeTemp(), 'lonely.mjs');
    writeFileSync(lonely, script);
    expect(await run([process.execPath, lonely])).toEqual({ code: 0, stdout: 'undefined undefined\n', stderr: '' });
  });
});
