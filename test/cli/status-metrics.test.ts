import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gone } from '../helpers/role.ts';
import { ask, HELD, makeStates, OTHER } from '../helpers/states.ts';

const { make, makeDamaged, none } = makeStates();
const isOne = (text: string) => text.split('\n').filter((line) => line.endsWith(' 1') && !line.includes('build_info'));

describe('distprint status --openmetrics', () => {
  it('tells of a runner, with the exit code of status', async () => {
    const stateFile = make({ own: { ...OTHER, heldBack: HELD } });
    const { code, stdout, stderr } = await ask('status', stateFile, '--openmetrics');
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    const source = `source="${resolve(stateFile).replaceAll('\\', '\\\\')}"`;
    expect(isOne(stdout)).toEqual([
      `distprint_verdict{${source},verdict="changed"} 1`,
      `distprint_running{${source}} 1`,
      `distprint_ready{${source}} 1`,
      `distprint_held_back{${source},gate="back-off"} 1`,
    ]);
    expect(stdout).toMatch(
      /code="started",name="example",version="1.0.0",fingerprint="another",generation="1",strategy="none"/,
    );
    expect(stdout).toMatch(/code="installed",name="example",version="1.2.3",fingerprint="xxh64-/);
    expect(stdout.endsWith('# EOF\n')).toBe(true);
    expect((await ask('status', make(), '--openmetrics')).code).toBe(0);
  });

  it('tells of one that died what it said last, and that none runs', async () => {
    const { code, stdout } = await ask(
      'status',
      make({ holder: gone, fields: { lastHeartbeat: '2026-11-22T00:00:10.000Z' } }),
      '--openmetrics',
    );
    expect(code).toBe(1);
    expect(stdout).toMatch(/^distprint_running{.*} 0$/m);
    expect(stdout).toMatch(/^distprint_last_beat_timestamp_seconds{.*} 1795305610$/m);
  });

  it('tells that none runs where there never was one', async () => {
    const { code, stdout } = await ask('status', none, '--openmetrics');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^# HELP .*\n# TYPE distprint_running gauge\ndistprint_running{.*} 0\n# EOF\n$/);
  });

  it('says on stderr why a state cannot be read, and stays a text that can', async () => {
    const { code, stdout, stderr } = await ask('status', makeDamaged(), '--openmetrics');
    expect(code).toBe(2);
    expect(stderr).toContain('is damaged');
    expect(stdout).toMatch(/distprint_running{.*} 1\n# EOF\n$/);
  });

  it('goes with no --json', async () => {
    const { code, stderr } = await ask('status', none, '--openmetrics', '--json');
    expect(code).toBe(2);
    expect(stderr).toContain("'--openmetrics' cannot be used with option '--json'");
  });
});
