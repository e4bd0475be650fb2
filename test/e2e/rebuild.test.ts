import { spawn } from 'node:child_process';
import { cpSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { inForm } from '../helpers/long.ts';
import { repository } from '../helpers/run.ts';
import { makePackage, makeTemp } from '../helpers/temp.ts';
import { environment, must } from './managers.ts';
import { fetchNode, fetchTsdown } from './tools.ts';
import { changedTo, fingerprintOf, settle, signalGroup, sleep, watch } from './watching.ts';

interface Builder {
  readonly name: string;
  readonly build: readonly (string | undefined)[];
  /** What makes it stay and build again whenever a source changes. */
  readonly watch: string;
  /** What `exports` names. */
  readonly entry: string;
  /** What it prints when it has built for the first time, and waits. */
  readonly isReady: RegExp;
}

const inModules = (path: string): string => join(repository, 'node_modules', path);

const esbuild = 'src/index.ts --bundle --splitting --format=esm --outdir=dist --sourcemap';
const builders: readonly Builder[] = [
  {
    name: 'tsc, incremental',
    build: [process.execPath, inModules('typescript/bin/tsc'), '-p', '.'],
    watch: '--watch',
    entry: './dist/index.js',
    isReady: /Watching for file changes/,
  },
  {
    name: 'esbuild',
    build: [inModules('.bin/esbuild'), ...esbuild.split(' ')],
    watch: '--watch',
    entry: './dist/index.js',
    isReady: /build finished/,
  },
  {
    name: 'vite build',
    build: [process.execPath, inModules('vite/bin/vite.js'), 'build'],
    watch: '--watch',
    entry: './dist/index.js',
    isReady: /built in/,
  },
  {
    name: 'tsdown',
    build: [fetchNode('22'), fetchTsdown(), 'src/index.ts', '--no-dts'],
    watch: '--watch',
    entry: './dist/index.mjs',
    isReady: /Rebuilt in/,
  },
];

const EDITED = 'src/late.ts';
const before = "export const late = (): string => 'one';\n";
const after = "export const late = (): string => 'two';\n";

/** A package that builds to several files, one of them loaded late, which bundlers make a chunk of its own. */
const makeSources = ({ entry }: Builder): string =>
  makePackage({
    'package.json': { name: 'example', version: '1.0.0', type: 'module', exports: entry },
    'src/index.ts':
      "import { early } from './early.js';\nexport const all = async () => [early(), (await import('./late.js')).late()];\n",
    'src/early.ts': "export const early = (): string => 'zero';\n",
    [EDITED]: before,
    'tsconfig.json': {
      compilerOptions: {
        ...{ module: 'nodenext', target: 'es2022', rootDir: 'src', outDir: 'dist', types: [] },
        incremental: true,
        tsBuildInfoFile: '.tsbuildinfo',
      },
      include: ['src'],
    },
    'vite.config.js':
      "export default { build: { lib: { entry: 'src/index.ts', formats: ['es'], fileName: 'index' } } };\n",
  });

const toCommand = ({ build }: Builder): string[] => build.filter((word) => word !== undefined);

/** What it builds of the same sources in another place, with one line edited. */
async function fingerprintWhenEdited(builder: Builder, root: string): Promise<string> {
  const copy = join(makeTemp(), 'root');
  cpSync(root, copy, { recursive: true });
  rmSync(join(copy, 'dist'), { recursive: true });
  rmSync(join(copy, '.tsbuildinfo'), { force: true });
  writeFileSync(join(copy, EDITED), after);
  await must(toCommand(builder), copy);
  return fingerprintOf(copy);
}

/** Starts it in the mode in which it stays. Resolves when it has built for the first time. */
async function startWatching(builder: Builder, root: string): Promise<void> {
  const [program = '', ...args] = [...toCommand(builder), builder.watch];
  const child = spawn(program, args, { cwd: root, env: environment, detached: true });
  onTestFinished(() => signalGroup(child.pid, 'SIGKILL'));
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      said += bytes;
    });
  }
  const deadlineMs = performance.now() + 30_000;
  while (!builder.isReady.test(said)) {
    if (child.exitCode !== null || performance.now() > deadlineMs) throw new Error(`${builder.name}: ${said}`);
    await sleep(10);
  }
}

const writtenMs = (root: string): number =>
  Math.max(...readdirSync(join(root, 'dist')).map((name) => statSync(join(root, 'dist', name)).ctimeMs));

/** One that writes into what is there, and one that empties it first. */
const isShort = ({ name }: Builder) => name === 'tsc, incremental' || name === 'vite build';

for (const builder of inForm('builders', builders, isShort)) {
  describe.skipIf(builder.build.includes(undefined))(`${builder.name}, with a beat every 20 ms`, () => {
    it('builds the same sources again, over what is there and from nothing: never `changed`', async () => {
      const root = makeSources(builder);
      await must(toCommand(builder), root);
      const watching = await watch(root);
      await must(toCommand(builder), root);
      await settle();
      const once = writtenMs(root);
      rmSync(join(root, 'dist'), { recursive: true });
      rmSync(join(root, '.tsbuildinfo'), { force: true });
      await must(toCommand(builder), root);
      await settle();
      expect(writtenMs(root)).toBeGreaterThan(once);
      expect(watching.verdicts()).not.toContain('changed');
      expect(watching.beats.at(-1)).toMatchObject({ verdict: 'current', fingerprint: watching.started });
    });

    it('stays and builds again: never `changed` for a source saved again as it was, once for one edited line, `current` when it is edited back', async () => {
      const root = makeSources(builder);
      await must(toCommand(builder), root);
      const final = await fingerprintWhenEdited(builder, root);
      await startWatching(builder, root);
      const watching = await watch(root);
      await settle();
      writeFileSync(join(root, EDITED), before);
      await settle();
      expect(watching.verdicts()).not.toContain('changed');
      expect(watching.beats.at(-1)?.verdict).toBe('current');

      writeFileSync(join(root, EDITED), after);
      await watching.until('changed');
      await settle();
      expect(watching.changed.map(({ fingerprint }) => fingerprint)).toEqual([final]);
      expect(changedTo(watching)).toEqual([final]);
      expect(fingerprintOf(root)).toBe(final);
      expect(final).not.toBe(watching.started);

      writeFileSync(join(root, EDITED), before);
      await watching.until('current');
      await settle();
      expect(watching.beats.at(-1)?.verdict).toBe('current');
      expect(watching.changed).toHaveLength(1);
    });
  });
}
