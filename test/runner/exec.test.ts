/** In place: on macOS nothing else shows it. On Linux test/e2e has more of it. */

import { expect } from 'vitest';
import { execNode, itWithExec } from '../helpers/exec.ts';
import { startRunner } from '../helpers/runner.ts';
import { until } from '../helpers/wait.ts';

itWithExec('the process becomes the new code, with its PID', async () => {
  const runner = await startRunner({ strategy: 'exec' }, { runtime: execNode });
  runner.upgrade('2.0.0');
  const heir = await until('the new code', () => runner.said.find(({ generation }) => generation === 2));
  expect(heir).toMatchObject({ ready: runner.pid, isHandedOver: true });
  expect(runner.said.findLast(({ release }) => release !== undefined)).toEqual({ release: '2.0.0' });
  expect(runner.said.some(({ log }) => log?.includes('; took over from itself, generation 2;'))).toBe(true);
  expect(runner.isAlive()).toBe(true);
});
