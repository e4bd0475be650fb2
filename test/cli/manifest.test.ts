import { linkSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildManifestSync } from '../../src/manifest/build.ts';
import { serializeManifest } from '../../src/manifest/manifest.ts';
import { distprint } from '../helpers/cli.ts';
import { isPosix } from '../helpers/needs.ts';
import { makeDirectory, makePackage, makeTemp } from '../helpers/temp.ts';

describe('distprint manifest <path>', () => {
  it('prints what the library writes', async () => {
    const root = makePackage({ [isPosix ? 'dist/é\n' : 'dist/é']: '1', 'x.js': '' });
    const globs = { include: ['**/*'], exclude: ['x.*'] };
    expect(await distprint(['manifest', root, '--include', '**/*', '--exclude', 'x.*'])).toEqual({
      code: 0,
      stdout: serializeManifest(buildManifestSync(root, globs)),
      stderr: '',
    });
  });

  it.each(['-o', '--output'])(
    '%s writes the same to a file, prints nothing and leaves nothing beside it',
    async (flag) => {
      const root = makePackage({ 'dist/a': '1' });
      const cwd = makeTemp();
      expect(await distprint(['manifest', root, flag, 'm'], { cwd })).toEqual({ code: 0, stdout: '', stderr: '' });
      expect(readFileSync(join(cwd, 'm'), 'utf8')).toBe(serializeManifest(buildManifestSync(root)));
      expect(readdirSync(cwd)).toEqual(['m']);
    },
  );

  it('-o puts the whole file in place at once: whoever has the old one open keeps it whole', async () => {
    const root = makePackage({ 'dist/a': '1' });
    const out = makeDirectory({ m: 'the old one' });
    linkSync(join(out, 'm'), join(out, 'old'));
    await distprint(['manifest', root, '-o', join(out, 'm')]);
    expect(readFileSync(join(out, 'old'), 'utf8')).toBe('the old one');
    expect(readFileSync(join(out, 'm'), 'utf8')).toBe(serializeManifest(buildManifestSync(root)));
  });

  it('-o leaves the file alone where there is trouble', async () => {
    const out = makeDirectory({ m: 'the old one' });
    const { code, stderr } = await distprint(['manifest', join(out, 'gone'), '-o', join(out, 'm')]);
    expect(code).toBe(2);
    expect(stderr).toContain('gone');
    expect(readFileSync(join(out, 'm'), 'utf8')).toBe('the old one');
    expect(readdirSync(out)).toEqual(['m']);
  });

  it.each(['gone/m', 'file/m', 'directory'])('-o to where no file can be is trouble: %s', async (to) => {
    const out = makeDirectory({ file: '', 'directory/x': '' });
    const { code, stdout, stderr } = await distprint(['manifest', out, '-o', join(out, to)]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(join(out, to));
    expect(stderr).not.toContain('.tmp');
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('an --include that matches nothing is an error, and no file is written', async () => {
    const cwd = makeDirectory({ 'p/package.json': '{}', 'p/a.js': '' });
    const { code, stdout, stderr } = await distprint(['manifest', 'p', '--include', 'lib/**', '-o', 'm'], { cwd });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('--include "lib/**" matches no file in p');
    expect(readdirSync(cwd)).toEqual(['p']);
  });
});
