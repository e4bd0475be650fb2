import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished } from 'vitest';
import { ask } from '../helpers/ask.ts';
import { distprint } from '../helpers/cli.ts';
import { findFreePort } from '../helpers/free-port.ts';
import { itOnWindows } from '../helpers/on-windows.ts';
import { plainEnv } from '../helpers/run.ts';
import { makePackage, makeTemp, writeTree } from '../helpers/temp.ts';
import { sleep, until } from '../helpers/wait.ts';
import { isThere, serverOf, startWrapper } from '../helpers/wrapper.ts';

const LONG = { timeout: 180_000 };
const serve = ['node', 'dist/server.js'];
const packageOf = (script: string) => makePackage({ 'dist/server.js': script });

/** Where a test fails, nobody else does. */
function endLater(pid: number): number {
  onTestFinished(() => {
    if (isThere(pid)) process.kill(pid, 'SIGKILL');
  });
  return pid;
}

const gone = (pid: number) => until(`the end of ${pid}`, () => (isThere(pid) ? undefined : true), 20, 30_000);

describe('distprint run on Windows', () => {
  itOnWindows('starts what a shim of npm names, and starts it anew for new content', LONG, async () => {
    const prefix = makeTemp();
    const hapi = join(prefix, 'node_modules/hapi');
    const install = (version: string) =>
      writeTree(hapi, {
        'package.json': { name: 'hapi', version, bin: 'dist/cli.js' },
        'dist/cli.js': `console.log(${JSON.stringify(version)}, ...process.argv.slice(2)); setInterval(() => {}, 1e6);`,
      });
    install('1.0.0');
    writeFileSync(join(prefix, 'hapi.cmd'), SHIM);
    const PATH = `${prefix};${plainEnv.PATH}`;
    const words = ['a b', '"', '%PATH%', '&calc', '^', '\\"x\\', ''];
    const run = startWrapper(['--settle', '200ms', '--interval', '500ms', '--verbose'], ['hapi', ...words], {
      env: { PATH },
    });
    await run.line(`1.0.0 ${words.join(' ')}`);
    await run.loaded();
    install('2.0.0');
    expect((await run.event('restarted')).changed).toEqual({ paths: ['dist/cli.js'], from: '1.0.0', to: '2.0.0' });
    await run.line(`2.0.0 ${words.join(' ')}`);
  });

  itOnWindows('starts no other batch file, and says what to type', async () => {
    const cwd = makeTemp();
    writeFileSync(join(cwd, 'start.cmd'), '@echo off\r\nnode server.js %*\r\n');
    const { code, stderr } = await distprint(['run', '--', '.\\start', 'x'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain(
      'start.cmd is a batch file, and no shim of a package manager; give what it starts (node …)',
    );
    expect(stderr).toContain('--watch <path> -- cmd /d /c start.cmd x');
  });

  itOnWindows('passes no socket on, and says so', async () => {
    const { code, stderr } = await distprint(['run', '--listen', '4000', '--', process.execPath, 'dist/server.js'], {
      cwd: packageOf(''),
    });
    expect(code).toBe(2);
    expect(stderr).toContain('--listen 4000: Windows passes no socket on');
  });
});

describe('what ends the old process on Windows', () => {
  itOnWindows('leaves the port silent until the new one listens, and no longer', LONG, async () => {
    const port = await findFreePort();
    const serves = (version: string) =>
      `require('node:http').createServer((_, answer) => answer.end('${version}')).listen(${port}, '127.0.0.1');`;
    const root = packageOf(serves('one'));
    const run = startWrapper(['--ready', `http://127.0.0.1:${port}/`, '--verbose'], serve, { cwd: root });
    await run.loaded();
    const answers: { version: string; atMs: number }[] = [];
    let isOver = false;
    const asking = (async () => {
      for (; !isOver; await sleep(5)) {
        const version = await ask(port);
        if (version !== undefined) answers.push({ version, atMs: performance.now() });
      }
    })();
    writeFileSync(join(root, 'dist/server.js'), serves('two'));
    const { tookMs } = await run.event('restarted');
    await until('the new code', () => answers.find(({ version }) => version === 'two'));
    isOver = true;
    await asking;
    const versions = answers.map(({ version }) => version);
    expect(versions.lastIndexOf('one')).toBeLessThan(versions.indexOf('two'));
    const silentMs = Math.max(...answers.slice(1).map(({ atMs }, i) => atMs - (answers[i]?.atMs ?? 0)));
    process.stderr.write(
      `the port was silent for ${Math.round(silentMs)} ms, of a restart of ${Math.round(Number(tookMs))} ms\n`,
    );
    expect(silentMs).toBeLessThan(20_000); // no time-out
  });

  itOnWindows('takes with it what that had started, also by others that have ended', LONG, async () => {
    const root = makePackage({ 'dist/server.js': tree('one'), 'between.js': BETWEEN });
    const run = startWrapper(['--verbose'], serve, { cwd: root });
    const pids = (await run.line('tree')).split(' ').slice(1).map(Number);
    const [child = 0, grandchild = 0, between = 0] = pids.map(endLater);
    await run.loaded();
    await gone(between);
    expect([isThere(child), isThere(grandchild)]).toEqual([true, true]);
    writeFileSync(join(root, 'dist/server.js'), serverOf('two'));
    await run.event('restarted');
    expect([isThere(child), isThere(grandchild)]).toEqual([false, false]);
  });

  itOnWindows('takes with it what cmd.exe has started', LONG, async () => {
    const root = packageOf(serverOf('one'));
    const shell = ['cmd', '/d', '/c', 'node', 'dist\\server.js'];
    const run = startWrapper(['--watch', root, '--verbose'], shell, { cwd: root });
    const old = endLater(Number((await run.line('one')).split(' ')[1]));
    expect((await run.event('started')).pid).not.toBe(old);
    await run.loaded();
    writeFileSync(join(root, 'dist/server.js'), serverOf('two'));
    await run.event('restarted');
    expect(isThere(old)).toBe(false);
    endLater(Number((await run.line('two')).split(' ')[1]));
  });
});

describe('a build in the working directory on Windows', () => {
  itOnWindows('wakes distprint before its next beat', LONG, async () => {
    const root = packageOf(serverOf('one'));
    const run = startWrapper(['--interval', '10m', '--verbose'], serve, { cwd: root });
    await run.loaded();
    rmSync(join(root, 'dist'), { recursive: true }); // Wine tells of what is made while it listens, and of nothing older
    writeTree(root, { 'dist/server.js': serverOf('two'), 'dist/more.js': '' });
    await run.event('restarted');
    await run.line('two');
  });
});

describe('the end of distprint itself on Windows', () => {
  itOnWindows('is that of its command, however it ends', LONG, async () => {
    const run = startWrapper([], serve, { cwd: packageOf(serverOf('one')) });
    const { pid } = await run.event('started');
    await run.line('one');
    run.child.kill('SIGKILL');
    await run.end();
    await gone(endLater(pid as number));
  });
});

/** A child that no job object holds, and one of a process that ends before. */
const tree = (version: string) => `
const { spawn } = require('node:child_process');
const { pid } = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { detached: true, stdio: 'ignore' });
const between = spawn(process.execPath, ['between.js'], { stdio: ['ignore', 'pipe', 'inherit'] });
between.stdout.on('data', (grandchild) => console.log('tree', pid, String(grandchild), between.pid));
${serverOf(version)}`;

/** Ends after 6 s: by then it was seen. */
const BETWEEN = `
const { spawn } = require('node:child_process');
const { pid } = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { detached: true, stdio: 'ignore' });
process.stdout.write(String(pid));
setTimeout(() => process.exit(), 6_000);
`;

/** As cmd-shim 7 writes it. */
const SHIM = `@ECHO off\r
GOTO start\r
:find_dp0\r
SET dp0=%~dp0\r
EXIT /b\r
:start\r
SETLOCAL\r
CALL :find_dp0\r
\r
IF EXIST "%dp0%\\node.exe" (\r
  SET "_prog=%dp0%\\node.exe"\r
) ELSE (\r
  SET "_prog=node"\r
  SET PATHEXT=%PATHEXT:;.JS;=;%\r
)\r
\r
endLocal & goto #_undefined_# 2>NUL || title %COMSPEC% & "%_prog%"  "%dp0%\\node_modules\\hapi\\dist\\cli.js" %*\r
`;
