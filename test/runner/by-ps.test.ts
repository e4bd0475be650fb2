/** A runner that knows of other processes by ps(1) alone, as on macOS and the BSDs. */

import { describe, expect } from 'vitest';
import { readHolder } from '../../src/runner/role/lock.ts';
import { lockBaseOf } from '../../src/runner/role/state-file.ts';
import { asOn } from '../helpers/by-ps.ts';
import { hasProgram, needs } from '../helpers/needs.ts';
import { launchRunner, startRunner } from '../helpers/runner.ts';
import { until } from '../helpers/wait.ts';

const it = needs('ps', hasProgram('ps'));

const onFreeBsd = () => ({ env: asOn('freebsd') });

describe('a runner that has ps alone', () => {
  it('is named by its start, holds the lock while it lives, and no longer', async () => {
    const place = onFreeBsd();
    const first = await startRunner({}, place);
    const { stateFile } = first;
    const started = expect.stringMatching(/^\w{3} \w{3} \d+ [\d:]{8} \d{4}$/);
    expect(readHolder(lockBaseOf(stateFile))?.process).toEqual({ pid: first.pid, started });
    const second = launchRunner({ stateFile }, place);
    expect(await second.ended).toBe(1);
    expect(second.stderr()).toContain(`another runner holds ${lockBaseOf(stateFile)}: process ${first.pid}`);
    process.kill(first.pid, 'SIGKILL');
    await first.ended;
    const heir = await startRunner({ stateFile }, place);
    expect(heir.state().distprint.generation).toBe(2);
  });

  it('takes nobody for one who does not wait: its parent may', async () => {
    const { state } = await startRunner({ strategy: 'auto' }, onFreeBsd());
    expect(state().distprint.decision).toMatchObject({ supervisor: 'parent' });
    expect(state().distprint.decision.reasons.join()).toContain(`${process.pid} may wait for this process`);
    expect(state().distprint.decision.strategy).not.toBe('respawn');
  });

  it('hands off to a replacement, where that is asked for', async () => {
    const runner = await startRunner({ strategy: 'respawn' }, onFreeBsd());
    runner.upgrade('2.0.0');
    expect(await runner.ended).toBe(0);
    const heir = await until('the replacement', () => runner.said.find(({ generation }) => generation === 2));
    expect(heir.isHandedOver).toBe(true);
    expect(runner.said.findLast(({ release }) => release !== undefined)).toEqual({ release: '2.0.0' });
  });
});
