import { describe, expect, it } from 'vitest';
import type { ProcessId } from '../../src/platform/process-id.ts';
import { HANDOFF_VARIABLE, type Handoff } from '../../src/runner/handoff/protocol.ts';
import { isRunnerRunningInstalledVersion, readRunnerStatus } from '../../src/runner/index.ts';
import { readHolder } from '../../src/runner/role/lock.ts';
import { lockBaseOf } from '../../src/runner/role/state-file.ts';
import { launchRunner, type RunnerSetup, startRunner } from '../helpers/runner.ts';
import { until } from '../helpers/wait.ts';

const REPLACE = { whenRunning: 'replace' } as const satisfies RunnerSetup;

describe('a start that replaces whom it finds running', () => {
  it('stops a runner that stays on old code, and waits for its end', async () => {
    const old = await startRunner();
    const { stateFile, root } = old;
    old.upgrade('2.0.0');
    await until('it to be old', () => readRunnerStatus({ stateFile }).installed?.verdict === 'changed' || undefined);
    const heir = await startRunner({ stateFile, ...REPLACE }, { root });
    expect(await old.ended).toBe('SIGTERM');
    expect(heir.logs()).toEqual([`process ${old.pid} is a runner that stays on other code; it is stopped`]);
    expect(heir.state().distprint).toMatchObject({ generation: 2, version: '2.0.0' });
  });

  it('leaves one alone that runs what is installed, and is refused', async () => {
    const runner = await startRunner();
    const { stateFile, root } = runner;
    const second = launchRunner({ stateFile, ...REPLACE }, { root });
    expect(await second.ended).toBe(1);
    expect(second.stderr()).toContain('ERR_DISTPRINT_RUNNING');
    await runner.beats(2);
  });

  it('leaves one alone that moves to new code, and is refused', async () => {
    const runner = await startRunner({ strategy: 'respawn', readyTimeoutMs: 3_000 });
    const { stateFile, root } = runner;
    runner.upgrade('2.0.0-hangs');
    await until('the grant', () => (readHolder(lockBaseOf(stateFile))?.generation === 2 ? true : undefined));
    expect(isRunnerRunningInstalledVersion({ stateFile })).toBe(true);
    const second = launchRunner({ stateFile, ...REPLACE }, { root });
    expect(await second.ended).toBe(1);
    expect(second.stderr()).toContain('ERR_DISTPRINT_RUNNING');
    await until('the failure', () => runner.logs().find((line) => /hand-off to .* did not say "ready"/.test(line)));
    await runner.beats(2);
  });

  it('stops nobody where its environment speaks of a hand-off, forged or not, and is refused', async () => {
    const old = await startRunner();
    const { stateFile, root } = old;
    old.upgrade('2.0.0');
    await until('it to be old', () => readRunnerStatus({ stateFile }).installed?.verdict === 'changed' || undefined);
    const from = readHolder(lockBaseOf(stateFile))?.process as ProcessId;
    for (const part of ['rehearsal', 'replacement', 'exec'] as const) {
      const said: Handoff = { part, from, generation: 1, sockets: [], grantMs: 100, proveMs: 100 };
      const env = { [HANDOFF_VARIABLE]: JSON.stringify(said) };
      const heir = launchRunner({ stateFile, ...REPLACE }, { root, env });
      expect([part, await heir.ended, heir.logs()]).toEqual([part, 1, []]);
      expect(heir.stderr()).toContain('ERR_DISTPRINT_RUNNING');
    }
    await old.beats(2);
  });

  it('stops nobody as a rehearsal or a replacement', async () => {
    const runner = await startRunner({ strategy: 'respawn', ...REPLACE });
    runner.upgrade('2.0.0');
    expect(await runner.ended).toBe(0);
    expect(runner.logs().filter((line) => line.includes('is stopped'))).toEqual([]);
  });
});
