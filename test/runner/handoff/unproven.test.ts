import { expect, it } from 'vitest';
import { fingerprintOf } from '../../helpers/manifest.ts';
import { startRunner } from '../../helpers/runner.ts';
import { ask } from '../../helpers/states.ts';
import { until } from '../../helpers/wait.ts';

it('a replacement says that it is not proven, and distprint status with it, until it is', async () => {
  const runner = await startRunner({ strategy: 'respawn', proveMs: 2_000 });
  runner.upgrade('2.0.0');
  const own = await until('the replacement to be ready', () => {
    const { pid, distprint } = runner.state();
    return pid !== runner.pid && distprint.ready ? distprint : undefined;
  });
  expect(own).toMatchObject({ generation: 2, handingOff: { step: 'serve', target: fingerprintOf(runner.root) } });
  const unproven = await ask('status', runner.stateFile);
  expect(unproven).toMatchObject({ code: 1, stdout: expect.stringMatching(/under way: serve, .*not proven yet/) });
  await until('its proof', () => runner.state().distprint.handingOff === null || undefined);
  expect(await ask('status', runner.stateFile)).toMatchObject({ code: 0 });
});
