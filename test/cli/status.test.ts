import { describe, expect, it } from 'vitest';
import { gone } from '../helpers/role.ts';
import { ask, makeStates, OPTED_OUT, OTHER } from '../helpers/states.ts';

const { make, makeDamaged, none } = makeStates();

describe('distprint status exits with 0 if a runner runs what is installed, 1 if not, 2 if its state cannot be trusted', () => {
  it.each<[string, () => string, number, RegExp]>([
    [
      'on what is installed',
      () => make(),
      0,
      /^runner {5}process \d+, generation 1\n.*installed {2}1\.2\.3 current\n$/s,
    ],
    [
      'that a hand-off has begun from',
      () => make({ own: { handingOff: { step: 'rehearse', target: 'abc', sinceMs: 0 } } }),
      1,
      /under way: rehearse, to abc, which is not proven yet/,
    ],
    [
      'that was granted the lock, and has written no state yet',
      () =>
        make({
          generation: 2,
          own: { started: 'x', generation: 1, handingOff: { step: 'grant', target: 'abc', sinceMs: 0 } },
        }),
      1,
      /^runner {5}process \d+, generation 2\n.*under way: grant, to abc, which is not proven yet/s,
    ],
    ['that does not serve yet', () => make({ own: { ready: false } }), 1, /serves {5}not yet/],
    ['on something else', () => make({ own: OTHER }), 1, /installed {2}1\.2\.3 changed\n/],
    [
      'on something else, as the operator wants it',
      () => make({ own: { ...OTHER, ...OPTED_OUT } }),
      0,
      /disabled by the operator\n/,
    ],
    ['that died', () => make({ holder: gone }), 1, /^runner {5}none\n.*said last:\n/],
    ['that never was', () => none, 1, /^runner {5}none\nstate {6}none at /],
    ['with a state that is damaged', makeDamaged, 2, /is damaged/],
    [
      'that died, with a state that is damaged',
      () => makeDamaged({ holder: gone }),
      2,
      /^runner {5}none\n.*is damaged/s,
    ],
    [
      'with a state of somebody else',
      () => make({ own: { started: 'x' } }),
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
    const { stdout } = await ask('status', make({ own }));
    expect(stdout).toContain('hand-off   under way: prove, to abc, which is not proven yet\n');
    expect(stdout).toContain('held back  breaker: too many\n');
    expect(stdout).toContain('failed     2.0.0, 2 x, not again before 1970-01-01T00:00:01.000Z: it threw\n');
  });
});
