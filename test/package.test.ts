import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dependenciesOf, installInto, type Packed, packInto } from './helpers/installed.ts';
import { fingerprintOf } from './helpers/manifest.ts';
import { plainEnv, repository, run } from './helpers/run.ts';
import { makePackage, makeTempToRemove, removeTree } from './helpers/temp.ts';

const SLOW = 120_000;
let temp: string;
let packed: Packed;
let consumer: string;

beforeAll(async () => {
  temp = makeTempToRemove();
  packed = await packInto(temp);
  consumer = await installInto(temp, packed.tarball);
}, 2 * SLOW);
afterAll(() => removeTree(temp));

const tool = (name: string) => join(repository, 'node_modules/.bin', name);
const inConsumer = (command: readonly string[]) => run(command, { cwd: consumer, env: plainEnv, timeout: 60_000 });

describe('the published package', { timeout: SLOW }, () => {
  it('holds what is built and what is to be read, and nothing else', () => {
    expect(packed.files).toEqual(
      expect.arrayContaining([
        'package.json',
        'README.md',
        'LICENSE',
        'CHANGELOG.md',
        'CONTRIBUTING.md',
        'docs/runner.md',
        'fixtures/supervisors/systemd/runner.service',
        'dist/index.js',
        'dist/index.d.ts',
        'dist/cli/main.js',
        'dist/runner/index.js',
        'schemas/status.json',
      ]),
    );
    const known = [
      /^dist\/(?:[\w-]+\/){0,2}[\w-]+\.(?:js|d\.ts)$/,
      /^dist\/THIRD-PARTY-LICENSES$/,
      /^docs\/(?:[\w-]+\.(?:md|svg)|fleet\/[\w.-]+\.(?:yml|json))$/,
      /^schemas\/[a-z]+\.json$/,
      /^fixtures\/supervisors\/\w+\/[\w-]+(?:\.\w+)*$/,
      /^(?:package\.json|LICENSE|(?:README|CHANGELOG|CONTRIBUTING)\.md)$/,
    ];
    expect(packed.files.filter((path) => !known.some((pattern) => pattern.test(path)))).toEqual([]);
  });

  it('holds each page and file that the README and the pages lead to, but tests', () => {
    const pages = ['README.md', ...packed.files.filter((path) => path.startsWith('docs/') && path.endsWith('.md'))];
    const linked = pages.flatMap((page) => {
      const text = readFileSync(join(temp, 'project', page), 'utf8');
      const links = [...text.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, to = '']) => to);
      return links.filter((to) => !to.startsWith('https:')).map((to) => normalize(join(dirname(page), to)));
    });
    const missing = linked.filter((path) => !packed.files.includes(path) && !path.startsWith('test/'));
    expect(linked.length).toBeGreaterThan(20);
    expect(missing).toEqual([]);
  });

  it('names no repository or page that there is not', () => {
    const fields = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as object;
    for (const field of ['repository', 'homepage', 'bugs']) expect(fields).not.toHaveProperty(field);
  });

  it('is clean to publint', async () => {
    const { code, stdout, stderr } = await run([tool('publint'), 'run', packed.tarball, '--strict'], { env: plainEnv });
    expect({ code, said: stdout + stderr }).toEqual({ code: 0, said: expect.stringContaining('All good!') });
  });

  it('is clean to "are the types wrong?"', async () => {
    const command = [tool('attw'), packed.tarball, '--profile', 'esm-only', '--format', 'ascii', '--no-color'];
    const { code, stdout, stderr } = await run(command, { env: plainEnv, timeout: 60_000 });
    expect({ code, said: stdout + stderr }).toEqual({
      code: 0,
      said: expect.stringContaining('node16 (from ESM): 🟢 (ESM)'),
    });
  });

  it('loads of its files, for the drop-in, those that it needs', () => {
    const dist = join(temp, 'project/dist');
    const imports = (file: string) =>
      [...readFileSync(join(dist, file), 'utf8').matchAll(/^import .*"(\.[^"]+)";$/gm)].map(([, to = '']) =>
        normalize(join(dirname(file), to)),
      );
    const loaded = new Set(['drop-in.js']);
    for (const file of loaded) for (const each of imports(file)) loaded.add(each);
    const needed = ['drop-in.js', 'chunks/engine.js', 'chunks/rolldown-runtime.js'];
    expect([...loaded].sort()).toEqual(needed.sort());
    expect(readFileSync(join(dist, 'chunks/engine.js'), 'utf8')).not.toContain('startHeartbeat');
  });

  it('brings nobody else: what it uses is in it, and so are the licences of that', () => {
    expect(dependenciesOf(consumer)).toEqual(['', 'node_modules/distprint']);
    const place = join(consumer, 'node_modules/distprint');
    const licences = readFileSync(join(place, 'dist/THIRD-PARTY-LICENSES'), 'utf8');
    const first = /^(\S+) \d+\.\d+\.\d+ \((?:MIT|ISC)\)$/gm;
    expect([...licences.matchAll(first)].map(([, name]) => name)).toEqual(
      expect.arrayContaining(['commander', 'fast-glob', 'micromatch', 'ms', 'picocolors', 'valibot', 'xxhash-wasm']),
    );
    const bytes = packed.files.map((path) => statSync(join(place, path)).size).reduce((sum, size) => sum + size);
    expect(bytes).toBeLessThan(2_000_000);
  });
});

describe('installed into an empty folder', { timeout: SLOW }, () => {
  it('runs as `npx distprint`', async () => {
    const root = makePackage({ 'dist/a.js': '1' });
    const version = await inConsumer(['npx', '--no-install', 'distprint', '--version']);
    expect(version).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\S*\n$/) });
    const printed = await inConsumer(['npx', '--no-install', 'distprint', root]);
    expect(printed).toMatchObject({ code: 0, stdout: `${fingerprintOf(root)}  ${root}\n` });
    expect((await inConsumer(['npx', '--no-install', 'distprint', '/gone'])).code).toBe(2);
  });

  it('tells its own fingerprint, and the same for two installs of it', async () => {
    const own = fingerprintOf(join(consumer, 'node_modules/distprint'));
    expect(own).toBe(fingerprintOf(join(temp, 'project')));
    const printed = await inConsumer(['npx', '--no-install', 'distprint', 'node_modules/distprint']);
    expect(printed.stdout).toBe(`${own}  node_modules/distprint\n`);
  });

  it('can be imported', async () => {
    const root = makePackage({ 'dist/a.js': '1' });
    const script = `
      import { buildManifest, buildManifestSync, diffManifests, isDistprintError, parseManifest, serializeManifest, toToken } from 'distprint';
      const built = await buildManifest(process.argv[2]);
      const read = parseManifest(serializeManifest(built));
      const error = await buildManifest('/gone').catch((error) => error);
      console.log(JSON.stringify({
        fingerprint: read.fingerprint,
        token: toToken(read.fingerprint),
        diff: diffManifests(read, buildManifestSync(process.argv[2])),
        typed: isDistprintError(error, 'ERR_DISTPRINT_NOT_FOUND'),
      }));`;
    writeFileSync(join(consumer, 'use.js'), script);
    const { code, stdout, stderr } = await inConsumer([process.execPath, 'use.js', root]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      fingerprint: fingerprintOf(root),
      token: expect.any(Number),
      diff: { version: null, added: [], removed: [], changed: [] },
      typed: true,
    });
  });

  it('has schemas that can be imported', async () => {
    const script = `import schema from 'distprint/schemas/status.json' with { type: 'json' }; console.log(schema.title);`;
    const { stdout } = await inConsumer([process.execPath, '--input-type=module', '-e', script]);
    expect(stdout).toBe('distprint status --json\n');
  });

  it('has all its code once it is imported: it works while its own node_modules is being replaced', async () => {
    const root = makePackage({ 'dist/a.js': '1' });
    const script = `
      import { renameSync } from 'node:fs';
      import { buildManifest, createDetector } from 'distprint';
      import { createInstalledCliProbe } from 'distprint/drop-in';
      renameSync('node_modules', 'node_modules.away');
      try {
        const [, , path] = process.argv;
        const { verdict } = createDetector({ path }).checkSync();
        const isTold = createInstalledCliProbe({ packageDir: path })() !== undefined;
        console.log((await buildManifest(path)).fingerprint, verdict, isTold);
      } finally {
        renameSync('node_modules.away', 'node_modules');
      }`;
    writeFileSync(join(consumer, 'replaced.js'), script);
    const ran = await inConsumer([process.execPath, 'replaced.js', root]);
    expect(ran).toEqual({ code: 0, stdout: `${fingerprintOf(root)} current true\n`, stderr: '' });
  });

  it('has types that hold in strict TypeScript, itself checked, beside those of Node alone', async () => {
    const source = `
      import { type BuiltManifest, buildManifest, diffManifests, DistprintError, type Manifest, parseManifest } from 'distprint';
      import { createInstalledCliProbe } from 'distprint/drop-in';
      import { claimRunner, type RunnerState } from 'distprint/runner';
      type IsAny<T> = 0 extends 1 & T ? true : false;
      export const typed: [IsAny<typeof buildManifest>, IsAny<BuiltManifest>, IsAny<Manifest['entries'][number]>] = [false, false, false];
      export const others: [IsAny<typeof claimRunner>, IsAny<RunnerState['pid']>, IsAny<typeof createInstalledCliProbe>] = [false, false, false];
      const built: BuiltManifest = await buildManifest('.', { include: ['dist'], exclude: [], kind: 'package' });
      export const version: string | null = built.version;
      export const added: readonly string[] = diffManifests(built, parseManifest('')).added;
      export const line = (error: unknown): number | undefined => error instanceof DistprintError ? error.line : undefined;`;
    const compile = async (text: string) => {
      writeFileSync(join(consumer, 'use.ts'), text);
      return inConsumer([tool('tsc'), '-p', '.']);
    };
    writeFileSync(
      join(consumer, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          module: 'nodenext',
          target: 'es2022',
          strict: true,
          noEmit: true,
          types: ['node'],
          typeRoots: [join(repository, 'node_modules/@types')],
          skipLibCheck: false,
        },
        files: ['use.ts'],
      }),
    );
    expect(await compile(source)).toMatchObject({ code: 0, stdout: '' });
    const wrong = await compile(`${source}\nawait buildManifest('.', { kind: 'bundle' });`);
    expect(wrong.code).not.toBe(0);
    expect(wrong.stdout).toContain('bundle');
  });
});
