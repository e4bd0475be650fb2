import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HANDOFF_VARIABLE, type Handoff } from '../../../src/runner/handoff/protocol.ts';
import { claim, readOwner } from '../../../src/runner/role/lock.ts';
import { identify, type ProcessId } from '../../../src/runner/role/process-id.ts';
import { lockBaseOf } from '../../../src/runner/role/state-file.ts';
import { launchRunner, startRunner } from '../../helpers/runner.ts';
import { makeTemp } from '../../helpers/temp.ts';

const me = identify(process.pid) as ProcessId;
const gone: ProcessId = { ...me, started: me.started.replace(/\d+$/, '0') };
const ROLES = ['rehearsal', 'replacement', 'exec'] as const;

const forge = (role: Handoff['role'], from: ProcessId, generation: number): NodeJS.ProcessEnv => {
  const said: Handoff = { role, from, generation, sockets: [], grantMs: 100, proveMs: 100 };
  return { [HANDOFF_VARIABLE]: JSON.stringify(said) };
};

const makeStateFile = () => join(makeTemp(), 'state/runner.state.json');

describe.each(ROLES)('a forged DISTPRINT_HANDOFF that says "%s"', (role) => {
  it('and names the runner that runs: the other is refused, and that one stays the owner', async () => {
    const runner = await startRunner();
    const owner = readOwner(lockBaseOf(runner.stateFile));
    expect(owner?.process.pid).toBe(runner.pid);
    const env = forge(role, owner?.process as ProcessId, 1);
    const other = launchRunner({ stateFile: runner.stateFile }, { env });
    expect(await other.ended).toBe(1);
    await expect.poll(other.stderr, { timeout: 12_000 }).toContain('ERR_DISTPRINT_RUNNING');
    expect(readOwner(lockBaseOf(runner.stateFile))).toEqual(owner);
    await runner.beats(1);
    expect(runner.state().pid).toBe(runner.pid);
  });

  it('and names the owner, who is its parent, but has started no such thing: it is refused', async () => {
    const stateFile = makeStateFile();
    const owner = claim(lockBaseOf(stateFile), me);
    const other = launchRunner({ stateFile }, { env: forge(role, me, 1) });
    expect(await other.ended).toBe(1);
    await expect.poll(other.stderr, { timeout: 12_000 }).toContain('ERR_DISTPRINT_RUNNING');
    expect(readOwner(lockBaseOf(stateFile))).toEqual(owner);
  });

  it('and names a runner that died, as its lock still does: it starts like any other, and serves', async () => {
    const stateFile = makeStateFile();
    mkdirSync(dirname(stateFile));
    writeFileSync(`${lockBaseOf(stateFile)}.5`, JSON.stringify(gone));
    const runner = await startRunner({ stateFile }, { env: forge(role, gone, 5) });
    expect(runner.said.at(-1)).toEqual({ ready: runner.pid, generation: 6, isHandedOver: false, word: null });
    await runner.beats(2);
  });

  it('and names its parent, who owns nothing: it starts like any other, and serves', async () => {
    const runner = await startRunner({}, { env: forge(role, me, 1) });
    expect(runner.said.at(-1)).toEqual({ ready: runner.pid, generation: 1, isHandedOver: false, word: null });
  });
});

describe('a DISTPRINT_HANDOFF', () => {
  it.each(['null', '[]', '{"role":"exec"', '{"from":{"pid":1,"started":"x"},"sockets":1}'])(
    'that says %j is as none',
    async (said) => {
      const runner = await startRunner({}, { env: { [HANDOFF_VARIABLE]: said } });
      expect(runner.said.at(-1)).toEqual({ ready: runner.pid, generation: 1, isHandedOver: false, word: null });
    },
  );
});
