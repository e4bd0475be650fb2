import { spawn } from 'node:child_process';
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, it, onTestFinished } from 'vitest';
import { findFreePort } from '../helpers/free-port.ts';
import { repository } from '../helpers/run.ts';
import { makePackage } from '../helpers/temp.ts';
import { until } from '../helpers/wait.ts';
import { startWrapper } from '../helpers/wrapper.ts';
import { environment } from './managers.ts';
import { ask, cliIn, expectMoves } from './moves.ts';
import { signalGroup } from './watching.ts';

const installed = inject('installed');

const inModules = (path: string): string => join(repository, 'node_modules', path);
const cli = () => [process.execPath, cliIn(installed)];

/** Starts it in the mode in which it stays. */
async function startBuilder(words: readonly string[], root: string, built: RegExp) {
  const child = spawn(process.execPath, words, { cwd: root, env: environment, detached: true });
  onTestFinished(() => signalGroup(child.pid, 'SIGKILL'));
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (said += bytes));
  const builds = () => said.split(built).length - 1;
  /** Does something, and resolves when it has built after that. */
  const andBuild = async (act: () => void, before = builds()) => {
    act();
    await until(`a build; it said ${said}`, () => (builds() > before ? true : undefined), 20, 60_000);
  };
  await andBuild(() => {}, 0);
  return andBuild;
}

const WRITTEN = new Date(0);

it('tsc -w and a server: a save of the same source and a change of types alone restart nothing; another line is one restart', async () => {
  const version = (value: string, type = 'string') => `export const version: ${type} = '${value}';\n`;
  const root = makePackage({
    'package.json': { name: 'example', version: '1.0.0', type: 'module' },
    'src/version.ts': version('one'),
    'src/server.ts': `import { createServer } from 'node:http';
import { version } from './version.js';
createServer((_, response) => response.end(version + ' ' + process.pid)).listen(Number(process.argv[2]), '127.0.0.1');
`,
    'tsconfig.json': {
      compilerOptions: {
        ...{ module: 'nodenext', target: 'es2022', rootDir: 'src', outDir: 'dist', types: ['node'] },
        typeRoots: [inModules('@types')],
        incremental: true,
      },
      include: ['src'],
    },
  });
  const port = await findFreePort();
  const source = join(root, 'src/version.ts');
  // distprint is started first, and waits for the first build.
  const run = startWrapper(['--verbose'], ['node', 'dist/server.js', String(port)], { cwd: root, cli: cli() });
  await run.event('waiting');
  const andBuild = await startBuilder([inModules('typescript/bin/tsc'), '-w'], root, /Watching for file changes/);
  await run.event('started');
  const pids = await expectMoves(run, {
    touch: () => utimesSync(join(root, 'dist/server.js'), WRITTEN, WRITTEN),
    same: () => andBuild(() => writeFileSync(source, version('one', "'one' | 'two'"))),
    other: () => andBuild(() => writeFileSync(source, version('two'))),
    ask: () => ask({ port }),
  });
  expect(await ask({ port })).toBe(`two ${pids[1]}`);
});

it('vite build --watch and vite preview: the same, with --watch dist', async () => {
  const root = makePackage({
    'package.json': { name: 'example', version: '1.0.0', type: 'module' },
    'index.html': '<!doctype html><title>one</title><script type="module" src="/main.js"></script>\n',
    'main.js': "import { text } from './text.js';\ndocument.body.append(text);\n",
    'text.js': "export const text = 'one';\n",
  });
  const vite = inModules('vite/bin/vite.js');
  const source = join(root, 'text.js');
  const port = await findFreePort();
  const andBuild = await startBuilder([vite, 'build', '--watch'], root, /built in/);
  const preview = ['node', vite, 'preview', '--host', '127.0.0.1', '--port', String(port), '--strictPort'];
  const run = startWrapper(['--verbose', '--watch', 'dist'], preview, { cwd: root, cli: cli() });
  /** The text in the script that the page names. */
  const read = async () => {
    const page = await ask({ port });
    const script = /src="([^"]+)"/.exec(page)?.[1];
    if (script === undefined) return page;
    const code = await ask({ port, path: script });
    return /\b(one|two)\b/.exec(code)?.[0] ?? code;
  };
  await expectMoves(run, {
    touch: () => andBuild(() => utimesSync(source, new Date(), new Date())),
    same: () => andBuild(() => writeFileSync(source, "// it says:\nexport const text = 'one';\n")),
    other: () => andBuild(() => writeFileSync(source, "export const text = 'two';\n")),
    ask: read,
  });
});
