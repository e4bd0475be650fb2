import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { distprint } from '../helpers/cli.ts';
import { writeRole } from '../helpers/role.ts';
import { startRunner } from '../helpers/runner.ts';
import { ask, EXEC, HELD, makeStates, NONE, OTHER } from '../helpers/states.ts';
import { makeTemp } from '../helpers/temp.ts';
import { sleep } from '../helpers/wait.ts';

const { installed, make, none } = makeStates();
const tried = { fingerprint: 'x', version: null, reason: 'it died', failures: 1, atMs: 0, retryAtMs: 0 };

describe('distprint status and distprint doctor', () => {
  it('with --json say it in one object, with the same exit codes', async () => {
    const stateFile = make({ own: { ...OTHER, decision: NONE, heldBack: HELD, tried } });
    const status = await ask('status', stateFile, '--json');
    expect(status.code).toBe(1);
    expect(JSON.parse(status.stdout)).toMatchObject({
      stateFile,
      isRunning: true,
      holder: { process: { pid: process.pid }, generation: 1 },
      state: { pid: process.pid, distprint: { decision: NONE } },
      problem: null,
      installed: { verdict: 'changed', version: '1.2.3' },
    });
    const doctor = await ask('doctor', stateFile, '--json');
    expect(doctor.code).toBe(1);
    const why = expect.objectContaining({ rule: HELD.gate, outcome: 'stay', reason: HELD.reason });
    const executable = expect.toSatisfy((told) => told === null || told.state === 'installed');
    expect(JSON.parse(doctor.stdout)).toEqual({
      ...NONE,
      handoffDisabled: false,
      heldBack: HELD,
      tried,
      executable,
      why,
    });
    const nobody = await ask('doctor', none, '--json');
    expect({ code: nobody.code, ...JSON.parse(nobody.stdout) }).toEqual({ code: 2, problem: 'no runner runs' });
  });

  it('look where DISTPRINT_STATE_FILE says, and else in the state directory of the user', async () => {
    const stateFile = make({ own: { decision: EXEC } });
    const there = await distprint(['doctor'], { env: { DISTPRINT_STATE_FILE: stateFile } });
    expect(there.code).toBe(0);
    const state = makeTemp();
    writeRole(join(state, 'distprint/runner.state.json'), installed, { own: { decision: EXEC } });
    const env = { XDG_STATE_HOME: state, DISTPRINT_STATE_FILE: '' };
    expect((await distprint(['doctor'], { env })).code).toBe(0);
    expect((await distprint(['status'], { env })).code).toBe(0);
  });

  it('are coloured for who forces it, and never with NO_COLOR', async () => {
    const words = (command: string) => [command, '--state', make({ own: { ...OTHER, decision: NONE } })];
    for (const command of ['status', 'doctor']) {
      expect((await distprint(words(command), { env: { FORCE_COLOR: '1' } })).stdout).toContain('\x1b[');
      expect((await distprint(words(command), { env: { NO_COLOR: '1' } })).stdout).not.toContain('\x1b');
      expect((await distprint(words(command))).stdout).not.toContain('\x1b');
    }
  });

  it('let nothing through to a terminal that would act on it', async () => {
    const evil = 'a\x1b[2J\rb\nc';
    const own = {
      path: `/${evil}`,
      version: evil,
      decision: { strategy: evil, supervisor: evil, reasons: [evil], advice: evil },
      handingOff: { step: evil, target: evil, sinceMs: 0 },
      heldBack: { target: evil, gate: evil, reason: evil },
      tried: { fingerprint: evil, version: evil, reason: evil, failures: 1, atMs: 0, retryAtMs: 0 },
    };
    const fields = { startTime: evil, lastHeartbeat: evil, httpPort: 1 };
    const stateFile = make({ own, fields });
    for (const command of ['status', 'doctor'] as const) {
      const { stdout } = await ask(command, stateFile);
      expect(stdout).toContain('a\\x1b[2J\\x0db\\nc');
      expect(stdout).not.toMatch(/[\x1b\r]|^c/m);
    }
  });
});

describe('of a real runner, distprint status and distprint doctor', () => {
  it('an opt-out at its start is honoured by who has no such variable', async () => {
    const env = { DISTPRINT_DISABLE_HANDOFF: '1' };
    const { stateFile, upgrade } = await startRunner({}, { env });
    upgrade('2.0.0');
    await sleep(2_100); // it has settled
    const status = await ask('status', stateFile);
    expect(status.stdout).toContain('disabled by the operator\n');
    expect(status.stdout).toContain('installed  2.0.0 changed\n');
    expect(status.code).toBe(0);
    expect((await ask('doctor', stateFile)).code).toBe(1);
  });

  it('they show no secret that is redacted', async () => {
    const { stateFile } = await startRunner({ redacted: 'hush' }, { args: ['--token=hush'] });
    for (const command of ['status', 'doctor'] as const) {
      const shown = [await ask(command, stateFile), await ask(command, stateFile, '--json')];
      for (const { stdout } of shown) expect(stdout).not.toContain('hush');
    }
    expect((await ask('status', stateFile, '--json')).stdout).toContain('--token=[redacted]');
  });
});
