import { rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { gone } from '../helpers/role.ts';
import { ask, EXEC, HELD, makeStates, NONE, OPTED_OUT, OTHER } from '../helpers/states.ts';

const { make, makeDamaged, none } = makeStates();
const makeSilent = () => {
  const stateFile = make();
  rmSync(stateFile);
  return stateFile;
};

describe('distprint doctor exits with 0 if the runner would move to new code, 1 if not or not now, 2 if there is nobody to ask', () => {
  it.each<[string, () => string, number, string]>([
    ['that can', () => make({ own: { decision: EXEC } }), 0, 'strategy exec, supervisor nobody\n- it can\n'],
    [
      'that cannot',
      () => make({ own: { decision: NONE } }),
      1,
      'strategy none, supervisor container\n- it is PID 1\n- it cannot\nwhat you can do: restart it\n',
    ],
    ['that must not', () => make({ own: { decision: EXEC, ...OPTED_OUT } }), 1, 'the operator disabled the hand-off\n'],
    [
      'that holds it back',
      () => make({ own: { decision: EXEC, heldBack: HELD } }),
      1,
      'held back: back-off: not again yet\n',
    ],
    [
      'that looks no more',
      () => make({ own: { decision: EXEC, ...OTHER, intervalMs: null } }),
      1,
      'now: unseen: its heartbeat was ended, so it looks no more\n',
    ],
    ['that died', () => make({ holder: gone }), 2, 'no runner runs\n'],
    ['that never was', () => none, 2, 'no runner runs\n'],
    ['that has said nothing yet', makeSilent, 2, 'it has written no state to '],
    ['with a state that is damaged', makeDamaged, 2, 'is damaged'],
  ])('a runner %s', async (_, make, code, says) => {
    const ran = await ask('doctor', make());
    const [said, silent] = code === 2 ? [ran.stderr, ran.stdout] : [ran.stdout, ran.stderr];
    expect({ code: ran.code, silent }).toEqual({ code, silent: '' });
    expect(said).toContain(says);
  });
});
