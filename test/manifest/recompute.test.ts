import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { buildManifestSync } from '../../src/manifest/build.ts';
import { serializeManifest } from '../../src/manifest/manifest.ts';
import { hasProgram, needs } from '../helpers/needs.ts';
import { repository, run } from '../helpers/run.ts';
import { makeDirectory, makeTemp } from '../helpers/temp.ts';

const withXxhsum = needs('xxhsum, find and sort', hasProgram('xxhsum') && hasProgram('find') && hasProgram('sort'));

/** The whole of the format, by shell alone. Arguments: kind, version as JSON, what to find. */
const RECOMPUTE = `
set -e
kind=$1 version=$2
shift 2
{
  printf 'distprint manifest 1\\nkind %s\\nversion %s\\ninclude default\\nexclude []\\n' "$kind" "$version"
  find -L "$@" -name node_modules -prune -o -type f -print | sed 's|^\\./||' | grep -vx package.json |
    LC_ALL=C sort | while IFS= read -r file; do
      printf '%s  %s\\n' "$(xxhsum -H64 < "$file" | cut -c 1-16)" "$file"
    done
} > "$OUT"
printf 'xxh64-%s\\n' "$(xxhsum -H64 < "$OUT" | cut -c 1-16)" >> "$OUT"`;

async function recompute(root: string, kind: string, version: string, ...where: string[]): Promise<string> {
  const out = join(makeTemp(), 'manifest');
  const command = ['sh', '-c', RECOMPUTE, 'sh', kind, version, ...where];
  const { code, stderr } = await run(command, { cwd: root, env: { ...process.env, OUT: out }, timeout: 60_000 });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return readFileSync(out, 'utf8');
}

const installed = (name: string) => join(repository, 'node_modules', name);
const versionOf = (name: string) => {
  const fields: unknown = JSON.parse(readFileSync(join(installed(name), 'package.json'), 'utf8'));
  return JSON.stringify((fields as { version: string }).version);
};

describe('anyone can recompute a manifest with xxhsum and coreutils', () => {
  withXxhsum.each([
    ['typescript', ['dist', 'bin/tsc']],
    ['vitest', ['dist', 'vitest.mjs']],
    ['publint', ['.']],
    ['fast-check', ['.']],
  ])('of the real package %s', { timeout: 90_000 }, async (name, where) => {
    const ours = serializeManifest(buildManifestSync(installed(name)));
    const theirs = await recompute(installed(name), 'package', versionOf(name), ...where);
    expect(ours).toBe(theirs);
  });

  withXxhsum('of a plain directory, in any order and any locale', async () => {
    const root = makeDirectory({ b: '1', B: '2', 'a b': '3', 'é/ö': '4', 'z.txt': '5', 'z/y': '6', '-x': '7', _: '8' });
    expect(serializeManifest(buildManifestSync(root))).toBe(await recompute(root, 'directory', 'null', '.'));
  });

  withXxhsum('of an executable', async () => {
    const root = makeDirectory({ prog: 'x'.repeat(3_000_000) });
    const head = 'distprint manifest 1\nkind executable\nversion null\ninclude default\nexclude []\n';
    const script = `printf '%b' "$1$(xxhsum -H64 < prog | cut -c 1-16)  .\\n" | xxhsum -H64 | cut -c 1-16`;
    const { stdout } = await run(['sh', '-c', script, 'sh', head], { cwd: root });
    expect(buildManifestSync(join(root, 'prog')).fingerprint).toBe(`xxh64-${stdout.trim()}`);
  });
});

describe("a manifest's lines for files are what `xxhsum -c` takes", () => {
  const CHECK = `grep '^[0-9a-f]\\{16\\}  ' "$OUT" | xxhsum -c`;

  withXxhsum('and it finds them right, or the one that changed wrong', async () => {
    const root = makeDirectory({ 'dist/a.js': 'a', 'dist/b c.js': 'b', 'd/é': 'c' });
    const out = join(makeTemp(), 'manifest');
    writeFileSync(out, serializeManifest(buildManifestSync(root)));
    const check = () => run(['sh', '-c', CHECK], { cwd: root, env: { ...process.env, OUT: out } });
    expect(await check()).toMatchObject({ code: 0, stdout: 'd/é: OK\ndist/a.js: OK\ndist/b c.js: OK\n' });
    writeFileSync(join(root, 'dist/a.js'), 'A');
    const altered = await check();
    expect(altered.code).toBe(1);
    expect(altered.stdout).toContain('dist/a.js: FAILED');
    expect(altered.stdout).toContain('dist/b c.js: OK');
  });
});
