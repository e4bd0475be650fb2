/**
 * The project that all tools run: a server of 500 TypeScript modules, and the real builders that build it.
 *
 * Each module says which release it is of. A process that loaded modules of two releases says so.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cleanEnv } from '../../fixtures/releases.ts';
import { fetchNode, fetchTool } from '../../test/e2e/tools.ts';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

export const MODULES = 500;
/** main.ts and app.ts are the other two. */
const ROUTES = MODULES - 2;
const ROUTES_IN_A_FOLDER = 50;

export type Builder = 'tsc' | 'esbuild' | 'vite' | 'tsdown';
export const BUILDERS: readonly Builder[] = ['tsc', 'esbuild', 'vite', 'tsdown'];

/** Where a module lies, without its extension. */
export const routeFile = (i: number) => `part${Math.floor(i / ROUTES_IN_A_FOLDER)}/route${i}`;

/** Writes all but the sources of a release. */
export function createProject(root: string): void {
  mkdirSync(root, { recursive: true });
  const compilerOptions = {
    ...{ target: 'es2022', module: 'nodenext', strict: true, rootDir: 'src', outDir: 'dist' },
    ...{ types: ['node'], typeRoots: [join(REPOSITORY, 'node_modules/@types')] },
  };
  const files = {
    'package.json': JSON.stringify({ name: 'server', version: '1.0.0', private: true, type: 'module' }),
    'tsconfig.json': JSON.stringify({ compilerOptions, include: ['src'] }),
    'vite.config.js': `
      const names = { preserveModules: true, preserveModulesRoot: 'src', entryFileNames: '[name].js' };
      const rollupOptions = { output: names };
      export default { logLevel: 'warn', build: { ssr: 'src/main.ts', outDir: 'dist', target: 'node20', rollupOptions } };`,
    'tsdown.config.js': `
      const output = { outDir: 'dist', format: 'esm', unbundle: true, dts: false, fixedExtension: false };
      export default { ...output, entry: 'src/main.ts', platform: 'node', logLevel: 'warn' };`,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
}

/** Writes the sources of a release. A broken one compiles, and fails when it is loaded. */
export function writeSources(root: string, release: string, isBroken = false): void {
  const write = (name: string, text: string) => writeFileSync(join(root, 'src', `${name}.ts`), text);
  for (let i = 0; i < ROUTES; i += ROUTES_IN_A_FOLDER) {
    mkdirSync(join(root, 'src', routeFile(i), '..'), { recursive: true });
  }
  for (let i = 0; i < ROUTES; i++) write(routeFile(i), toRoute(i, release, isBroken && i === 7));
  write('app', toApp());
  write('main', MAIN);
}

const toRoute = (i: number, release: string, isBroken: boolean) => `
export const release: string = ${JSON.stringify(release)};

export interface Request${i} { readonly path: string; readonly query: Readonly<Record<string, string>> }

/** Answers requests for /route${i}. */
export function answer${i}(request: Request${i}): string {
  const asked = Object.entries(request.query).map(([name, value]) => \`\${name}=\${value}\`);
  return [\`route ${i} of \${release}\`, request.path, ...asked].join('; ');
}

export function matches${i}(path: string): boolean {
  return path === '/route${i}' || path.startsWith('/route${i}/');
}
${isBroken ? `throw new Error('this release is broken');` : ''}
`;

/** Reads each module's release, so that nothing can be left out of a bundle. */
function toApp(): string {
  const each = <T>(make: (i: number) => T) => Array.from({ length: ROUTES }, (_, i) => make(i));
  return `
import { createServer } from 'node:http';
${each((i) => `import * as route${i} from './${routeFile(i)}.js';`).join('\n')}

const routes = [
${each((i) => `  { release: route${i}.release, answer: route${i}.answer${i}, matches: route${i}.matches${i} },`).join('\n')}
];
const releases = [...new Set(routes.map((route) => route.release))].sort();
export const release = releases.length === 1 ? releases[0] : \`torn: \${releases.join(' and ')}\`;

/** Answers each request with its release; serves on what systemd's protocol hands on, else on SOCKET or PORT. */
export function serve(): void {
  const server = createServer((request, response) => {
    const route = routes.find(({ matches }) => matches(request.url ?? '/'));
    response.setHeader('connection', 'close');
    response.end(route === undefined ? \`\${release} \${process.pid}\` : route.answer({ path: request.url ?? '/', query: {} }));
  });
  process.once('SIGTERM', () => server.close(() => process.exit()));
  const { LISTEN_FDS, LISTEN_PID, SOCKET, PORT } = process.env;
  if (LISTEN_FDS === '1' && Number(LISTEN_PID) === process.pid) server.listen({ fd: 3 });
  else if (SOCKET) server.listen(SOCKET);
  else server.listen(Number(PORT), '127.0.0.1');
}
`;
}

/** Its first statement says that it runs; what it imports is loaded only then. */
const MAIN = `
import { appendFileSync } from 'node:fs';

const note = (fields: object) =>
  appendFileSync(process.env.STARTS as string, \`\${JSON.stringify({ atMs: Date.now(), pid: process.pid, ...fields })}\\n\`);

note({ event: 'start' });
process.once('uncaughtException', fail);
try {
  const { release, serve } = await import('./app.js');
  note({ event: 'loaded', release });
  serve();
} catch (error) {
  fail(error);
}

function fail(error: unknown): void {
  note({ event: 'failed', error: String(error) });
  process.exit(1);
}
`;

/**
 * Builds `dist` from `src`.
 * @throws where the builder can't be had or fails, with what it printed
 */
export async function build(root: string, builder: Builder): Promise<void> {
  const [file, ...words] = toCommand(builder);
  const child = spawn(file, words, { cwd: root, env: cleanEnv, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (said += bytes));
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0) throw new Error(`${builder} failed (exit ${status}): ${said}`);
}

const VERSIONS = { esbuild: '0.28.2', vite: '8.3.8', tsdown: '0.22.0' } as const;

function toCommand(builder: Builder): readonly [string, ...string[]] {
  const node = process.execPath;
  if (builder === 'tsc') return [node, join(REPOSITORY, 'node_modules/typescript/bin/tsc')];
  const tool = must(`${builder}@${VERSIONS[builder]}`, fetchTool(`${builder}@${VERSIONS[builder]}`));
  if (builder === 'vite') return [node, join(tool, 'bin/vite.js'), 'build'];
  if (builder === 'tsdown') return [must('Node 22', fetchNode('22')), join(tool, 'dist/run.mjs')];
  const words = ['src/**/*.ts', '--outdir=dist', '--outbase=src', '--format=esm', '--platform=node'];
  return [node, join(tool, 'bin/esbuild'), ...words, '--log-level=warning'];
}

function must<T>(what: string, found: T | undefined): T {
  if (found === undefined) throw new Error(`${what} can't be had: see above`);
  return found;
}
