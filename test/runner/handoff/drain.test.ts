import { get } from 'node:http';
import { describe, expect, it } from 'vitest';
import { built } from '../../helpers/built.ts';
import { findFreePort } from '../../helpers/free-port.ts';
import { startRunner } from '../../helpers/runner.ts';
import { makeTemp, writeTree } from '../../helpers/temp.ts';
import { until } from '../../helpers/wait.ts';

/** A daemon that begins an answer at once, and ends it when it is asked to: `GET /end`. */
const MAIN = `
import { createServer } from 'node:http';
import { claimRunner } from ${JSON.stringify(built('runner/index.js'))};
const { fields, redact, ...options } = JSON.parse(process.env.RUNNER);
const say = (what) => console.log(JSON.stringify(what));
const runner = await claimRunner({ ...options, log: (log) => say({ log }) });
const server = createServer((_, response) => {
  response.write('begun');
  process.once('SIGUSR2', () => response.end(', ended'));
});
await runner.listen(server, { host: '127.0.0.1', port: Number(process.env.PORT) });
await runner.ready();
say({ ready: process.pid, generation: runner.generation });
setInterval(() => {}, 1000);
`;

/** A runner that answers a request while it hands off. */
async function startAnswering(drainTimeoutMs: number) {
  const root = makeTemp();
  const install = (version: string) =>
    writeTree(root, {
      'package.json': { name: 'daemon', version, type: 'module', bin: 'dist/main.js' },
      'dist/main.js': `${MAIN}// ${version}`,
    });
  install('1.0.0');
  const port = await findFreePort();
  const env = { PORT: String(port) };
  const runner = await startRunner({ strategy: 'respawn', drainTimeoutMs }, { root, env });
  const answer = { text: '', end: undefined as 'whole' | 'cut' | undefined };
  get({ host: '127.0.0.1', port, agent: false }, (response) => {
    response.setEncoding('utf8').on('data', (more: string) => {
      answer.text += more;
    });
    response.on('error', () => {});
    response.on('close', () => {
      answer.end = response.complete ? 'whole' : 'cut';
    });
  });
  await until('the answer to begin', () => answer.text === 'begun' || undefined);
  install('2.0.0');
  await until('the replacement to be proven', () => {
    const { generation, handingOff } = runner.state().distprint;
    return (generation === 2 && handingOff === null) || undefined;
  });
  return { runner, answer };
}

describe('a request that is being answered when the replacement is proven', () => {
  it('is answered to its end: the old process waits for it, and no longer', async () => {
    const { runner, answer } = await startAnswering(60_000);
    expect(runner.isAlive()).toBe(true);
    process.kill(runner.pid, 'SIGUSR2');
    expect(await runner.ended).toBe(0);
    await until('the end of the answer', () => answer.end);
    expect(answer).toEqual({ text: 'begun, ended', end: 'whole' });
  });

  it('is cut after drainTimeoutMs: then the old process ends', async () => {
    const { runner, answer } = await startAnswering(300);
    expect(await runner.ended).toBe(0);
    await until('the end of the answer', () => answer.end);
    expect(answer).toEqual({ text: 'begun', end: 'cut' });
  });
});
