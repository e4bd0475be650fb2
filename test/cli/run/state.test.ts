import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { distprint } from '../../helpers/cli.ts';
import { makePackage, makeTemp } from '../../helpers/temp.ts';
import { until } from '../../helpers/wait.ts';
import { serverOf, startWrapper } from '../../helpers/wrapper.ts';

vi.setConfig({ testTimeout: 60_000 }); // each starts several processes, on a busy machine too

it('distprint status shows a wrapper as it shows a runner', async () => {
  const state = join(makeTemp(), 'state', 'wrapper.state.json');
  const root = makePackage({ 'dist/server.js': serverOf('one') });
  const options = ['--state', state, '--restart', 'start-first', '--ready', 'ipc', '--timeout', '3s', '--verbose'];
  const ready = (version: string) => `${serverOf(version)}\nprocess.send?.('ready');\n`;
  writeFileSync(join(root, 'dist/server.js'), ready('one'));
  const wrapper = startWrapper([...options, '--interval', '200ms'], ['node', 'dist/server.js'], { cwd: root });
  await wrapper.loaded();
  const status = async () => (await distprint(['status', '--state', state, '--json'])).stdout;
  const shown = await until('a state that is ready', async () => {
    const found = JSON.parse(await status());
    return found.state?.distprint?.ready ? found : undefined;
  });
  expect(shown).toMatchObject({
    isRunning: true,
    problem: null,
    holder: { process: { pid: wrapper.pid } },
    state: {
      pid: wrapper.pid,
      distprint: {
        path: root,
        version: '1.2.3',
        argv: ['node', 'dist/server.js'],
        decision: { strategy: 'start-first', supervisor: 'distprint run' },
        tried: null,
      },
    },
    installed: { verdict: 'current', version: '1.2.3' },
  });
  writeFileSync(join(root, 'dist/server.js'), serverOf('broken'));
  await wrapper.event('kept');
  const said = await until('what failed', async () => {
    const { code, stdout } = await distprint(['status', '--state', state]);
    return stdout.includes('failed') && stdout.includes('changed') ? { code, stdout } : undefined;
  });
  expect(said.code).toBe(1);
  expect(said.stdout).toMatch(/^failed +1\.2\.3, 1 x, not again before it changes: not ready after 3000 ms/m);
  const second = await distprint(['run', '--state', state, '--', 'node', 'dist/server.js'], { cwd: root });
  expect(second).toMatchObject({ code: 2, stdout: '' });
  expect(second.stderr).toContain(String(wrapper.pid));
  await wrapper.end('SIGTERM');
  expect(JSON.parse(await status())).toMatchObject({ isRunning: false });
});
