/** In place, on the Node that runs the tests: on macOS nothing else shows it. On Linux test/e2e has more of it. */

import { expect } from 'vitest';
import { isPosix, onlyWith } from '../helpers/needs.ts';
import { startRunner } from '../helpers/runner.ts';
import { until } from '../helpers/wait.ts';

const hasExec = isPosix && 'execve' in process;

onlyWith('process.execve', hasExec)('the process becomes the new code, with its PID', async () => {
  const runner = await startRunner({ strategy: 'exec' });
  runner.upgrade('2.0.0');
  const heir = await until('the new code', () => runner.said.find(({ generation }) => generation === 2));
  expect(heir).toMatchObject({ ready: runner.pid, isHandedOver: true });
  expect(runner.said.findLast(({ release }) => release !== undefined)).toEqual({ release: '2.0.0' });
  expect(runner.isAlive()).toBe(true);
});
