import { chmodSync, copyFileSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findProgram } from '../../../src/cli/run/find-program.ts';
import { whatToWatch } from '../../../src/cli/run/what-to-watch.ts';
import { itWithLinks } from '../../helpers/links.ts';
import { isPosix, onlyWith } from '../../helpers/needs.ts';
import { itOnPosix } from '../../helpers/on-posix.ts';
import { plainEnv } from '../../helpers/run.ts';
import { makeDirectory, makePackage, makeTemp, writeTree } from '../../helpers/temp.ts';

const OWN = { settleMs: 200, program: expect.any(String) };
const INSTALLED = { settleMs: 2_000, program: expect.any(String) };
const ask = /say what to watch: --watch /;

const watch = (cwd: string, command: readonly string[], env: NodeJS.ProcessEnv = plainEnv) =>
  whatToWatch(command, env, cwd);

/** A script that may be executed. */
function makeProgram(file: string, text: string): string {
  writeTree(dirname(file), { [basename(file)]: text });
  chmodSync(file, 0o755);
  return file;
}

/** What Windows has not: programs of POSIX, and execute permission. */
const onPosix = <T>(rows: T[]): T[] => (isPosix ? rows : []);

const NODE_SCRIPT = '#!/usr/bin/env node\n';

describe('a script behind a runtime', () => {
  const root = () => realpathSync(makePackage({ 'dist/server.js': '', 'dist/index.js': '' }));

  it.each([
    [['node', 'dist/server.js']],
    [['node', './dist/server']],
    [['node', 'dist']],
    [[process.execPath, 'dist/server.js', '--port', '4000']],
    [['node', '--enable-source-maps', '--max-old-space-size=500', 'dist/server.js']],
    [['node', '--import', 'tsx', '-r', './dist/index.js', '--env-file', '.env', 'dist/server.js']],
    [['node', '--env-file=.env', '--title', 'dist/other.js', '--', 'dist/server.js']],
    [['node', '--inspect', '-C', 'development', 'dist/server.js']],
    ...onPosix([
      [['env', 'A=1', 'B=x y', 'node', 'dist/server.js']],
      [['nice', '-n', '5', 'node', 'dist/server.js']],
      [['nice', '-5', 'nohup', 'node', 'dist/server.js']],
    ]),
  ])('is in the package around it: %j', (command) => {
    const path = root();
    expect(watch(path, command)).toEqual({ path, ...OWN });
    expect(watch(path, command).program).toMatch(/[/\\]dist[/\\](?:server|index)\.js$/);
  });

  it.each([
    ['bun', 'dist/server.js'],
    ['bun', 'run', './dist/server.js'],
    ['bun', '--smol', '--preload', 'x.ts', 'run', 'dist/server.js'],
    ['tsx', 'dist/server.js'],
  ])('of %s is too', (...command) => {
    const path = root();
    makeProgram(join(path, 'bin', command[0] as string), NODE_SCRIPT);
    expect(watch(path, command, { PATH: join(path, 'bin') })).toEqual({ path, ...OWN });
  });

  it('may not be built yet', () => {
    const path = realpathSync(makePackage({}));
    expect(watch(path, ['node', 'dist/server.js'])).toEqual({ path, ...OWN, program: join(path, 'dist/server.js') });
  });

  it('in build is covered with what lies there: the sources beside it run only once they are built', () => {
    const path = realpathSync(makePackage({ 'build/server.js': '', 'src/server.ts': '' }));
    expect(watch(path, ['node', 'build/server.js'])).toEqual({ path, include: ['build/**'], ...OWN });
  });

  it('in another folder than dist is covered with dist', () => {
    const path = realpathSync(makePackage({ 'dist/index.js': '', 'lib/server.js': '' }));
    expect(watch(path, ['node', 'lib/server.js'])).toEqual({ path, include: ['dist/**', 'lib/**'], ...OWN });
  });

  itWithLinks('below node_modules is installed, and so is one behind a link to it', () => {
    const path = realpathSync(
      makePackage({ 'node_modules/tool/package.json': { name: 'tool' }, 'node_modules/tool/a.js': '' }),
    );
    const tool = join(path, 'node_modules/tool');
    expect(watch(path, ['node', 'node_modules/tool/a.js'])).toEqual({ path: tool, ...INSTALLED });
    symlinkSync('node_modules/tool', join(path, 'link'));
    expect(watch(path, ['node', 'link/a.js'])).toEqual({ path: join(path, 'link'), ...INSTALLED });
  });

  itWithLinks('keeps the links to directories, which a deployment swaps', () => {
    const path = realpathSync(
      makeDirectory({ 'releases/1/package.json': { name: 'app' }, 'releases/1/dist/server.js': '' }),
    );
    symlinkSync('releases/1', join(path, 'current'));
    expect(watch(path, ['node', 'current/dist/server.js'])).toEqual({ path: join(path, 'current'), ...OWN });
  });

  onlyWith('names that Win32 forbids', isPosix)('may have any name', () => {
    const name = ' a\n"b" $c é\u{1f600}.js';
    const path = realpathSync(makePackage({ [`dist/${name}`]: '' }));
    expect(watch(path, ['node', `dist/${name}`])).toEqual({ path, ...OWN });
  });
});

describe('a program', () => {
  itOnPosix('that is a script is in the package around it, on PATH and through a link', () => {
    const path = realpathSync(makePackage({}));
    makeProgram(join(path, 'dist/cli.js'), NODE_SCRIPT);
    expect(watch(path, ['./dist/cli.js', 'serve'])).toEqual({ path, ...OWN });
    const bin = makeTemp();
    symlinkSync(join(path, 'dist/cli.js'), join(bin, 'example'));
    expect(watch('/', ['example'], { PATH: bin })).toEqual({ path, ...OWN });
  });

  itOnPosix('of node_modules/.bin is in its own package, and not in the one around', () => {
    const path = realpathSync(makePackage({ 'node_modules/tool/package.json': { name: 'tool' } }));
    makeProgram(join(path, 'node_modules/tool/bin/x.js'), NODE_SCRIPT);
    mkdirSync(join(path, 'node_modules/.bin'));
    symlinkSync('../tool/bin/x.js', join(path, 'node_modules/.bin/x'));
    expect(watch(path, ['node_modules/.bin/x'])).toEqual({ path: join(path, 'node_modules/tool'), ...INSTALLED });
  });

  itOnPosix('that is an executable is what is watched, by the path that leads to it', () => {
    const path = realpathSync(makeTemp());
    copyFileSync('/bin/true', join(path, 'app-1'));
    symlinkSync('app-1', join(path, 'app'));
    const app = join(path, 'app');
    expect(watch(path, ['./app', '--serve'])).toEqual({ path: app, program: app, settleMs: 2_000 });
  });
});

describe('asks for --watch', () => {
  function makeAll(): string {
    const root = realpathSync(makePackage({ 'dist/server.js': '' }));
    for (const name of ['npm', 'npx', 'pnpm', 'yarn', 'bun', 'tsx', 'deno', 'fastify'])
      makeProgram(join(root, 'bin', name), NODE_SCRIPT);
    makeProgram(join(root, 'start.sh'), '#!/bin/sh\nexec node dist/server.js\n');
    makeProgram(join(root, 'start'), 'exec node dist/server.js\n');
    makeProgram(join(root, 'server.py'), '#!/usr/bin/env python3\n');
    makeProgram(join(root, 'node_modules/fastify/cli.js'), NODE_SCRIPT);
    writeTree(root, { 'node_modules/fastify/package.json': { name: 'fastify' } });
    return root;
  }

  it.each([
    [['npm', 'run', 'x']],
    [['npx', 'x']],
    [['pnpm', 'dev']],
    [['yarn', 'start']],
    ...onPosix([[['sh', '-c', 'node dist/server.js']], [['/bin/bash', '-c', 'node dist/server.js']]]),
    [['./start.sh']],
    [['./start']],
    [['./server.py']],
    [['node']],
    [['node', '-']],
    [['node', '-e', '1', 'dist/server.js']],
    [['node', '--eval=1']],
    [['node', '--test']],
    [['node', '--run', 'dev']],
    [['bun', 'dev']],
    [['bun', 'run', 'dev']],
    [['bun', '--cwd', 'x', 'dist/server.js']],
    [['tsx', 'watch', 'dist/server.js']],
    [['deno', 'run', 'x.ts']],
    ...onPosix([
      [['env', '-i', 'node', 'dist/server.js']],
      [['env']],
      [['nice', '--unknown', 'node', 'dist/server.js']],
    ]),
    [['node', 'node_modules/fastify/cli.js', 'start', 'dist/server.js']],
  ])('for %j', (command) => {
    const path = makeAll();
    const env = { PATH: `${join(path, 'bin')}${delimiter}${plainEnv.PATH}` };
    expect(() => watch(path, command, env)).toThrow(ask);
  });

  it('where there is no package, and names the folder', () => {
    const root = realpathSync(makeDirectory({ 'server.js': '' }));
    expect(() => watch(root, ['node', 'server.js'])).toThrow(
      `no package.json is around ${join(root, 'server.js')}; say what to watch: --watch ${root}`,
    );
  });
});

describe('findProgram', () => {
  const find = (word: string, PATH?: string, cwd = '/') => findProgram(word, PATH === undefined ? {} : { PATH }, cwd);

  itOnPosix('takes the first that may be executed, as execvp does', () => {
    const [a, b, c] = [makeTemp(), makeTemp(), makeTemp()];
    writeTree(a, { tool: '' });
    mkdirSync(join(b, 'tool'));
    makeProgram(join(c, 'tool'), NODE_SCRIPT);
    expect(find('tool', [join(a, 'away'), a, b, c].join(delimiter))).toBe(join(c, 'tool'));
    expect(find('tool', '', c)).toBe(join(c, 'tool')); // an empty entry is the working directory
    expect(find('./tool', a, c)).toBe(join(c, 'tool'));
    expect(find('sh')).toMatch(/^\/(?:usr\/)?bin\/sh$/); // without PATH
  });

  itOnPosix('leaves another machine to the kernel, which may know it', () => {
    const cwd = makeTemp();
    const bytes = readFileSync('/bin/sh');
    bytes.set([243, 0], 18); // e_machine: RISC-V
    writeFileSync(join(cwd, 'emulated'), bytes, { mode: 0o755 });
    expect(find('./emulated', undefined, cwd)).toBe(join(cwd, 'emulated'));
  });

  it.each([
    ['', 'ERR_DISTPRINT_OPTION', /empty word/],
    ['no-such-tool', 'ERR_DISTPRINT_NOT_FOUND', /command not found: "no-such-tool".*\$PATH/],
    ['./no-such-tool', 'ERR_DISTPRINT_NOT_FOUND', /command not found: "\.\/no-such-tool" \(.*check the path/],
    ['./no\nsuch', 'ERR_DISTPRINT_NOT_FOUND', /command not found: "\.\/no\\nsuch"/],
    ['./folder', 'ERR_DISTPRINT_UNSUPPORTED_FILE', /folder is a directory/],
    ...onPosix([
      ['./plain', 'ERR_DISTPRINT_UNSUPPORTED_FILE', /plain may not be executed; .*chmod \+x/],
      ['./crlf', 'ERR_DISTPRINT_UNSUPPORTED_FILE', /crlf can't be executed: its interpreter/],
      ['./cut', 'ERR_DISTPRINT_UNSUPPORTED_FILE', /cut can't be executed: it is cut off/],
      ['/dev/null', 'ERR_DISTPRINT_UNSUPPORTED_FILE', /is no regular file/],
    ] as [string, string, RegExp][]),
  ])('refuses %j', (word, code, message) => {
    const cwd = makeTemp();
    mkdirSync(join(cwd, 'folder'));
    writeTree(cwd, { plain: '', cut: isPosix ? readFileSync('/bin/sh').subarray(0, 20_000) : '' });
    chmodSync(join(cwd, 'cut'), 0o755);
    makeProgram(join(cwd, 'crlf'), '#!/bin/no-such-sh\r\n');
    expect(() => find(word, undefined, cwd)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });
});
