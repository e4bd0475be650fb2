import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildManifestSync } from '../../src/manifest/build.ts';
import { serializeManifest } from '../../src/manifest/manifest.ts';
import { distprint } from '../helpers/cli.ts';
import { itWithLinks } from '../helpers/links.ts';
import { makeDirectory, makePackage, makeTemp, type Tree } from '../helpers/temp.ts';

describe('distprint verify <path> --manifest <file>', () => {
  function released(tree: Tree = { 'dist/a.js': '1', 'dist/b.js': '2' }): { root: string; manifest: string } {
    const root = makePackage(tree);
    const manifest = join(makeTemp(), 'manifest');
    writeFileSync(manifest, serializeManifest(buildManifestSync(root)));
    return { root, manifest };
  }

  it('says nothing and exits with 0 where all is as it was', async () => {
    const { root, manifest } = released();
    expect(await distprint(['verify', root, '--manifest', manifest])).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('says what differs, from the manifest to the path, and exits with 1', async () => {
    const { root, manifest } = released();
    writeFileSync(join(root, 'dist/a.js'), 'one');
    writeFileSync(join(root, 'dist/c.js'), '3');
    expect(await distprint(['verify', root, '--manifest', manifest])).toEqual({
      code: 1,
      stdout: 'A  dist/c.js\nM  dist/a.js\n',
      stderr: '',
    });
  });

  it('covers what the manifest covers', async () => {
    const { root } = released();
    const manifest = join(makeTemp(), 'manifest');
    await distprint(['manifest', root, '--include', '**/*', '--exclude', 'notes', '-o', manifest]);
    writeFileSync(join(root, 'notes'), '');
    expect((await distprint(['verify', root, '--manifest', manifest])).code).toBe(0);
    writeFileSync(join(root, 'README'), '');
    expect(await distprint(['verify', root, '--manifest', manifest])).toMatchObject({ code: 1, stdout: 'A  README\n' });
  });

  it('never takes what has lost its package.json for a plain directory', async () => {
    const { manifest } = released();
    const { code, stdout, stderr } = await distprint([
      'verify',
      makeDirectory({ 'dist/a.js': '1' }),
      '--manifest',
      manifest,
    ]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('package.json');
  });

  it('is trouble with a manifest that is damaged, said by file and line', async () => {
    const { root, manifest } = released();
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('dist/a.js', 'dist/../a.js'));
    const { code, stdout, stderr } = await distprint(['verify', root, '--manifest', manifest]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(manifest);
    expect(stderr).toContain('line 6');
  });

  it('is trouble with a manifest that is no UTF-8, also where a lenient decoder makes the same text of it', async () => {
    const { root, manifest } = released({ 'dist/\ufffd': '' });
    const bytes = readFileSync(manifest);
    const at = bytes.indexOf('\ufffd');
    bytes[at] = 0xf3; // and what follows is then a sequence cut short, for which decoders show one U+FFFD
    expect(bytes.toString()).toBe(readFileSync(manifest, 'utf8'));
    writeFileSync(manifest, bytes);
    const { code, stdout, stderr } = await distprint(['verify', root, '--manifest', manifest]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(manifest);
  });

  it('is trouble without a manifest, or with one that is not there', async () => {
    const { root } = released();
    expect((await distprint(['verify', root])).stderr).toContain('--manifest');
    expect((await distprint(['verify', root])).code).toBe(2);
    const gone = await distprint(['verify', root, '--manifest', 'gone']);
    expect(gone.code).toBe(2);
    expect(gone.stderr).toContain('gone');
  });

  itWithLinks('takes a manifest that a link leads to', async () => {
    const { root, manifest } = released();
    symlinkSync(manifest, `${manifest}.link`);
    expect((await distprint(['verify', root, '--manifest', `${manifest}.link`])).code).toBe(0);
  });

  it('--json says the same as one object', async () => {
    const { root, manifest } = released();
    const before = buildManifestSync(root).fingerprint;
    writeFileSync(join(root, 'dist/a.js'), 'one');
    const { code, stdout } = await distprint(['verify', root, '--manifest', manifest, '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toStrictEqual({
      same: false,
      from: before,
      to: buildManifestSync(root).fingerprint,
      version: null,
      added: [],
      removed: [],
      changed: ['dist/a.js'],
    });
  });

  it('lets no control character of a version through to the terminal', async () => {
    const { root, manifest } = released();
    writeFileSync(join(root, 'package.json'), JSON.stringify({ name: 'a', version: '2\x1b[2J' }));
    const { stdout } = await distprint(['verify', root, '--manifest', manifest]);
    expect(stdout).toBe('version 1.2.3 -> 2\\x1b[2J\n');
  });
});
