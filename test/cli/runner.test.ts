import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { distprint } from '../helpers/cli.ts';
import { gone, type Written, writeRole } from '../helpers/role.ts';
import { startRunner } from '../helpers/runner.ts';
import { makeTemp } from '../helpers/temp.ts';
import { makeSharedTemp, writePackage } from '../helpers/tree.ts';
import { sleep } from '../helpers/wait.ts';

const temp = makeSharedTemp();
const installed = writePackage(join(temp, 'installed'), { 'dist/a.js': 'old' });
beforeAll(() => sleep(2_100)); // so that it has settled

function makeRole(written: Written = {}): string {
  const stateFile = join(makeTemp(), 'state/runner.state.json');
  writeRole(stateFile, installed, written);
  return stateFile;
}

const OTHER = { fingerprint: 'another' };
const OPTED_OUT = { handoffDisabled: true };
const exec = { strategy: 'exec', supervisor: 'nobody', reasons: ['it can'], advice: null };
const none = {
  strategy: 'none',
  supervisor: 'container',
  reasons: ['it is PID 1', 'it can not'],
  advice: 'restart it',
};
const ask = (command: 'status' | 'doctor', stateFile: string, ...options: string[]) =>
  distprint([command, '--state', stateFile, ...options]);
const makeDamaged = () => {
  const stateFile = makeRole();
  writeFileSync(stateFile, '{');
  return stateFile;
};

describe('distprint status: 0 where a runner runs what is installed, 1 where not, 2 where its state can not be read', () => {
  it.each<[string, () => string, number, RegExp]>([
    [
      'on what is installed',
      () => makeRole(),
      0,
      /^runner {5}process \d+, generation 1\n.*installed {2}1\.2\.3 current\n$/s,
    ],
    ['on something else', () => makeRole({ own: OTHER }), 1, /installed {2}1\.2\.3 changed\n/],
    [
      'on something else, as the operator wants it',
      () => makeRole({ own: { ...OTHER, ...OPTED_OUT } }),
      0,
      /disabled by the operator\n/,
    ],
    ['that died', () => makeRole({ holder: gone }), 1, /^runner {5}none\n.*said last:\n/],
    ['that never was', () => join(temp, 'none.json'), 1, /^runner {5}none\nstate {6}none at /],
    ['with a state that is damaged', makeDamaged, 2, /is damaged/],
    [
      'with a state of somebody else',
      () => makeRole({ own: { started: 'x' } }),
      2,
      /is not of the process that holds the lock/,
    ],
  ])('a runner %s', async (_, make, code, says) => {
    const ran = await ask('status', make());
    expect({ code: ran.code, stderr: ran.stderr }).toEqual({ code, stderr: '' });
    expect(ran.stdout).toMatch(says);
  });

  it('says what is under way, what is held back and what failed', async () => {
    const own = {
      handingOff: { step: 'prove', target: 'abc', sinceMs: 0 },
      heldBack: { target: 'abc', gate: 'breaker', reason: 'too many' },
      tried: { fingerprint: 'abc', version: '2.0.0', reason: 'it threw', failures: 2, atMs: 0, retryAtMs: 1000 },
    };
    const { stdout } = await ask('status', makeRole({ own }));
    expect(stdout).toContain('hand-off   under way: prove, to abc\n');
    expect(stdout).toContain('held back  breaker: too many\n');
    expect(stdout).toContain('failed     2.0.0, 2 x, not again before 1970-01-01T00:00:01.000Z: it threw\n');
  });
});

const held = { target: 'x', gate: 'back-off', reason: 'not again yet' };
const tried = { fingerprint: 'x', version: null, reason: 'it died', failures: 1, atMs: 0, retryAtMs: 0 };

describe('distprint doctor: 0 where new code would be moved to, 1 where not or not now, 2, on stderr, where there is nobody to ask', () => {
  it.each<[string, () => string, number, string]>([
    ['that can', () => makeRole({ own: { decision: exec } }), 0, 'strategy exec, supervisor nobody\n- it can\n'],
    [
      'that can not',
      () => makeRole({ own: { decision: none } }),
      1,
      'strategy none, supervisor container\n- it is PID 1\n- it can not\nwhat you can do: restart it\n',
    ],
    ['that must not', () => makeRole({ own: { decision: exec, ...OPTED_OUT } }), 1, 'the operator disabled it\n'],
    [
      'that holds it back',
      () => makeRole({ own: { decision: exec, heldBack: held } }),
      1,
      'held back: back-off: not again yet\n',
    ],
    ['that died', () => makeRole({ holder: gone }), 2, 'no runner runs\n'],
    ['that never was', () => join(temp, 'none.json'), 2, 'no runner runs\n'],
    ['with a state that is damaged', makeDamaged, 2, 'is damaged'],
  ])('a runner %s', async (_, make, code, says) => {
    const ran = await ask('doctor', make());
    const [said, silent] = code === 2 ? [ran.stderr, ran.stdout] : [ran.stdout, ran.stderr];
    expect({ code: ran.code, silent }).toEqual({ code, silent: '' });
    expect(said).toContain(says);
  });
});

describe('both', () => {
  it('with --json say it in one object, with the same exit codes', async () => {
    const stateFile = makeRole({ own: { ...OTHER, decision: none, heldBack: held, tried } });
    const status = await ask('status', stateFile, '--json');
    expect(status.code).toBe(1);
    expect(JSON.parse(status.stdout)).toMatchObject({
      stateFile,
      isRunning: true,
      holder: { process: { pid: process.pid }, generation: 1 },
      state: { pid: process.pid, distprint: { decision: none } },
      problem: null,
      installed: { verdict: 'changed', version: '1.2.3' },
    });
    const doctor = await ask('doctor', stateFile, '--json');
    expect(doctor.code).toBe(1);
    expect(JSON.parse(doctor.stdout)).toEqual({ ...none, handoffDisabled: false, heldBack: held, tried });
    const nobody = await ask('doctor', join(temp, 'none.json'), '--json');
    expect({ code: nobody.code, ...JSON.parse(nobody.stdout) }).toEqual({ code: 2, problem: 'no runner runs' });
  });

  it('look where DISTPRINT_STATE_FILE says, and else in the state directory of the user', async () => {
    const stateFile = makeRole({ own: { decision: exec } });
    const there = await distprint(['doctor'], { env: { DISTPRINT_STATE_FILE: stateFile } });
    expect(there.code).toBe(0);
    const state = makeTemp();
    writeRole(join(state, 'distprint/runner.state.json'), installed, { own: { decision: exec } });
    const env = { XDG_STATE_HOME: state, DISTPRINT_STATE_FILE: '' };
    expect((await distprint(['doctor'], { env })).code).toBe(0);
    expect((await distprint(['status'], { env })).code).toBe(0);
  });

  it('are coloured for who forces it, and never with NO_COLOR', async () => {
    const words = (command: string) => [command, '--state', makeRole({ own: { ...OTHER, decision: none } })];
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
    const stateFile = makeRole({ own, fields });
    for (const command of ['status', 'doctor'] as const) {
      const { stdout } = await ask(command, stateFile);
      expect(stdout).toContain('a\\x1b[2J\\x0db\\nc');
      expect(stdout).not.toMatch(/[\x1b\r]|^c/m);
    }
  });
});

describe('of a real runner', () => {
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
