import { existsSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { findFreePort } from '../../helpers/free-port.ts';
import { itOnPosix } from '../../helpers/on-posix.ts';
import { makePackage, makeTemp } from '../../helpers/temp.ts';
import { sleep, until } from '../../helpers/wait.ts';
import { isThere, serverOf, startWrapper } from '../../helpers/wrapper.ts';

vi.setConfig({ testTimeout: 60_000 }); // each starts several processes, on a busy machine too

const serve = ['node', 'dist/server.js'];
const startFirst = ['--restart', 'start-first', '--ready', 'ipc', '--verbose'];

/** Ready once it says so. */
const readyServerOf = (version: string) => `${serverOf(version)}\nprocess.send?.('ready');\n`;

/** Answers on the socket that it is handed, and says its version. */
const webServerOf = (version: string) => `
const server = require('node:http').createServer((_, response) => response.end(${JSON.stringify(version)}));
server.listen({ fd: 3 }, () => console.log(${JSON.stringify(version)}, process.pid));
process.on('SIGTERM', () => server.close(() => process.exit()));
`;

describe('distprint run --restart start-first', () => {
  it('ends the old one once the new one is ready', async () => {
    const root = makePackage({ 'dist/server.js': readyServerOf('one') });
    const run = startWrapper(startFirst, serve, { cwd: root });
    const { pid: old } = await run.event('started');
    await run.loaded();
    writeFileSync(join(root, 'dist/server.js'), readyServerOf('two'));
    const { pid } = await run.event('restarted');
    expect(pid).not.toBe(old);
    expect([isThere(old as number), isThere(pid as number)]).toEqual([false, true]);
  });

  it.each([
    ['ends', 'throw new Error("broken");', 'it ended with exit status 1'],
    ['never gets ready', serverOf('broken'), 'not ready after 3000 ms'],
  ])('keeps the old one where the new one %s, and does not try it again', async (_, broken, why) => {
    const root = makePackage({ 'dist/server.js': readyServerOf('one') });
    const run = startWrapper([...startFirst, '--timeout', '3s', '--interval', '100ms'], serve, { cwd: root });
    const { pid: old } = await run.event('started');
    await run.loaded();
    writeFileSync(join(root, 'dist/server.js'), broken);
    const kept = await run.event('kept');
    expect(kept).toMatchObject({ pid: old, changed: { paths: ['dist/server.js'] } });
    expect(kept.reason).toContain(why);
    await sleep(1_000); // ten beats
    expect(run.events('kept')).toHaveLength(1);
    expect(isThere(old as number)).toBe(true);
    writeFileSync(join(root, 'dist/server.js'), readyServerOf('three'));
    await run.event('restarted');
    await run.line('three');
    expect(isThere(old as number)).toBe(false);
  });

  it('gives up what is not ready yet as soon as there is newer content', async () => {
    const root = makePackage({ 'dist/server.js': readyServerOf('one') });
    const run = startWrapper([...startFirst, '--timeout', '60s'], serve, { cwd: root });
    await run.event('started');
    await run.loaded();
    writeFileSync(join(root, 'dist/server.js'), serverOf('hangs'));
    const [, hung] = (await run.line('hangs')).split(' ');
    writeFileSync(join(root, 'dist/server.js'), readyServerOf('three'));
    await run.event('restarted');
    await run.line('three');
    expect(isThere(Number(hung))).toBe(false);
  });

  it('takes the new one for ready after 2 s without --ready, and goes on with it if the old one ends first', async () => {
    const root = makePackage({ 'dist/server.js': serverOf('one') });
    const run = startWrapper(['--restart', 'start-first', '--verbose'], serve, { cwd: root });
    const { pid: old } = await run.event('started');
    await run.loaded();
    writeFileSync(join(root, 'dist/server.js'), serverOf('two'));
    const { tookMs } = await run.event('restarted');
    expect(tookMs).toBeGreaterThanOrEqual(1_900);
    expect(isThere(old as number)).toBe(false);
    writeFileSync(join(root, 'dist/server.js'), serverOf('three'));
    await run.line('three');
    process.kill(run.events('restarted')[0]?.pid as number, 'SIGKILL');
    const { pid } = await run.event('restarted', 2);
    expect(await run.line('three')).toBe(`three ${pid}`);
    expect(run.events('ended')).toEqual([]);
  });

  itOnPosix('refuses nobody on a socket of --listen, and asks the new one whether it is ready', async () => {
    const port = await findFreePort();
    const root = makePackage({ 'dist/server.js': webServerOf('1') });
    const address = `127.0.0.1:${port}`;
    const options = [
      '--restart',
      'start-first',
      '--listen',
      address,
      '--ready',
      `http://${address}/`,
      '--timeout',
      '2s',
    ];
    const run = startWrapper([...options, '--verbose'], serve, { cwd: root });
    await run.loaded();
    const answers: string[] = [];
    let isOver = false;
    const asking = (async () => {
      while (!isOver) {
        answers.push(await ask(port));
        await sleep(5);
      }
    })();
    for (const version of ['2', '3']) {
      writeFileSync(join(root, 'dist/server.js'), webServerOf(version));
      await until(`version ${version}`, () => (answers.at(-1) === version ? true : undefined));
    }
    writeFileSync(join(root, 'dist/server.js'), 'while (true);');
    await run.event('kept');
    await until('more answers', () => (answers.length > 100 ? true : undefined));
    isOver = true;
    await asking;
    expect([...new Set(answers)]).toEqual(['1', '2', '3']);
  });

  it('does not wait for a file that was there before', async () => {
    const sign = join(makeTemp(), 'ready');
    const root = makePackage({ 'dist/server.js': serverOf('one') });
    const options = ['--restart', 'start-first', '--ready', `file:${sign}`, '--timeout', '3s', '--verbose'];
    const writes = (version: string) =>
      `${serverOf(version)};require('node:fs').writeFileSync(${JSON.stringify(sign)}, '')`;
    writeFileSync(join(root, 'dist/server.js'), writes('one'));
    const run = startWrapper(options, serve, { cwd: root });
    await run.loaded();
    expect(existsSync(sign)).toBe(true);
    writeFileSync(join(root, 'dist/server.js'), serverOf('two'));
    expect((await run.event('kept')).reason).toContain('not written since');
    writeFileSync(join(root, 'dist/server.js'), writes('three'));
    await run.event('restarted');
  });
});

/** What the server answers, or why it does not. */
function ask(port: number): Promise<string> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, agent: false }, (response) => {
      let text = '';
      response.on('data', (bytes) => (text += bytes)).on('end', () => resolve(text));
    });
    asked.on('error', (error) => resolve(error.message)).end();
  });
}
