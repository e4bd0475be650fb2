import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished } from 'vitest';
import { distprint } from '../helpers/cli.ts';
import { isPosix, isRoot, onlyWith } from '../helpers/needs.ts';
import type { RunOptions } from '../helpers/run.ts';
import { makePackage } from '../helpers/temp.ts';

/** Root may read everything, so root runs it as nobody. */
const asOrdinaryUser: RunOptions = isRoot ? { uid: 65534, gid: 65534, cwd: '/' } : {};
const mayReadSources = isPosix && (await distprint(['--version'], asOrdinaryUser)).code === 0;
const itAsUser = onlyWith('an ordinary user who may read this repository', mayReadSources);

const RESTORED = 0o755;

/** A package in which a user may not do what `mode` denies at `path`. */
function makeClosed(path: string, mode: number): string {
  const root = makePackage({ 'dist/open.js': '', 'dist/secret/a.js': '', 'dist/secret.js': '' });
  for (const directory of [dirname(root), root]) chmodSync(directory, 0o755); // mkdtemp closes it to others
  chmodSync(join(root, path), mode);
  onTestFinished(() => chmodSync(join(root, path), RESTORED)); // so that it can be removed
  return root;
}

describe('what may not be read is trouble that names it, not a fingerprint of the rest', () => {
  itAsUser.each([
    ['a file', 'dist/secret.js', 0o000, 'dist/secret.js'],
    ['a directory that may not be listed', 'dist/secret', 0o311, 'dist/secret'],
    ['a directory that may only be listed', 'dist/secret', 0o444, 'dist/secret/a.js'],
    ['a directory', 'dist/secret', 0o000, 'dist/secret'],
    ['dist', 'dist', 0o000, 'dist'],
    ['package.json', 'package.json', 0o000, 'package.json'],
    ['the package', '.', 0o000, ''],
  ])('%s', async (_, path, mode, named) => {
    const root = makeClosed(path, mode);
    const { code, stdout, stderr } = await distprint([root], asOrdinaryUser);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`cannot read ${join(root, named)}`);
    expect(stderr).toContain('EACCES');
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  itAsUser('a directory that a link leads to', async () => {
    const closed = makeClosed('dist/secret', 0o000);
    const root = makePackage({ 'dist/a.js': '' });
    chmodSync(dirname(root), 0o755);
    symlinkSync(join(closed, 'dist/secret/a.js'), join(root, 'dist/link'));
    const { code, stderr } = await distprint([root], asOrdinaryUser);
    expect(code).toBe(2);
    expect(stderr).toContain(`cannot read ${join(root, 'dist/link')}`);
  });

  itAsUser('a dist that a link leads to', async () => {
    const closed = makeClosed('dist', 0o000);
    const root = makePackage({ 'a.js': '' });
    chmodSync(dirname(root), 0o755);
    symlinkSync(join(closed, 'dist/secret'), join(root, 'dist'));
    const { code, stderr } = await distprint([root], asOrdinaryUser);
    expect(code).toBe(2);
    expect(stderr).toContain(`cannot read ${join(root, 'dist')}`);
  });

  itAsUser('a manifest, and the place to write one', async () => {
    const root = makeClosed('dist/secret.js', 0o000);
    const read = await distprint(['verify', root, '--manifest', join(root, 'dist/secret.js')], asOrdinaryUser);
    expect(read.code).toBe(2);
    expect(read.stderr).toContain('dist/secret.js');
    mkdirSync(join(root, 'out'), { mode: 0o555 });
    const written = await distprint(
      ['manifest', join(root, 'dist/open.js'), '-o', join(root, 'out/manifest')],
      asOrdinaryUser,
    );
    expect({ code: written.code, stdout: written.stdout }).toEqual({ code: 2, stdout: '' });
    expect(written.stderr).toContain('EACCES');
  });
});

describe('what may not be read does not matter', () => {
  itAsUser.each([
    ['a file', 'dist/secret.js', ['--exclude', 'dist/secret.js']],
    ['a directory', 'dist/secret', ['--exclude', 'dist/secret']],
    ['a directory', 'dist/secret', ['--include', 'dist/*.js']],
  ])('where the globs leave it out: %s by %s %j', async (_, path, globs) => {
    const root = makeClosed(path, 0o000);
    const { code, stderr } = await distprint([root, ...globs], asOrdinaryUser);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});
