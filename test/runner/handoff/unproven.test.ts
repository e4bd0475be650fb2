import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { readHolder } from '../../../src/runner/role/lock.ts';
import { lockBaseOf } from '../../../src/runner/role/state-file.ts';
import { fingerprintOf } from '../../helpers/manifest.ts';
import { startRunner } from '../../helpers/runner.ts';
import { ask } from '../../helpers/states.ts';
import { removeAtOnce } from '../../helpers/temp.ts';
import { until } from '../../helpers/wait.ts';

it('a replacement says that it is not proven, and distprint status with it, until it is', async () => {
  const runner = await startRunner({ strategy: 'respawn', proveMs: 2_000 });
  runner.upgrade('2.0.0');
  const own = await until('the replacement to be ready', () => {
    const { pid, distprint } = runner.state();
    return pid !== runner.pid && distprint.ready ? distprint : undefined;
  });
  expect(own).toMatchObject({ generation: 2, handingOff: { step: 'serve', target: fingerprintOf(runner.root) } });
  const { pid } = runner.state();
  process.kill(pid, 'SIGSTOP'); // status may take its time to start
  const unproven = await ask('status', runner.stateFile);
  process.kill(pid, 'SIGCONT');
  expect(unproven).toMatchObject({ code: 1, stdout: expect.stringMatching(/under way: serve, .*not proven yet/) });
  await until('its proof', () => runner.state().distprint.handingOff === null || undefined);
  expect(await ask('status', runner.stateFile)).toMatchObject({ code: 0 });
});

it('a replacement whose state folder is deleted before it is proven takes over all the same, and writes it anew', async () => {
  // Its first beat comes after its predecessor has looked for its lock.
  const runner = await startRunner({ strategy: 'respawn', proveMs: 300, intervalMs: 2_000 });
  runner.upgrade('2.0.0');
  await until('the replacement to be ready', () => runner.state().distprint.handingOff?.step === 'serve' || undefined);
  removeAtOnce(dirname(runner.stateFile));
  expect(await runner.ended).toBe(0);
  expect(runner.logs().filter((line) => line.includes('failed'))).toEqual([]);
  const holder = await until('its lock', () => readHolder(lockBaseOf(runner.stateFile)));
  const heir = await until('the replacement', () => runner.said.find(({ generation }) => generation === 2));
  expect(holder).toMatchObject({ generation: 2, process: { pid: heir.ready } });
});
