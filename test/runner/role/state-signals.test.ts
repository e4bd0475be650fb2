import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { type RunnerState, writeState } from '../../../src/runner/role/state-file.ts';
import { makeTemp } from '../../helpers/temp.ts';

it('writing the state never listens to a signal: one that comes as it stops listening would be lost', async () => {
  const before = process.eventNames().length;
  const path = join(makeTemp(), 'state/runner.state.json');
  const state: RunnerState = { pid: process.pid, startTime: '', lastHeartbeat: '' };
  let isDone = false;
  const writing = writeState(path, state).finally(() => {
    isDone = true;
  });
  const seen = new Set<number>();
  for (; !isDone; await turn()) seen.add(process.eventNames().length);
  await writing;
  expect([...seen]).toEqual([before]);
});
