import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { identify, type ProcessId } from '../../../src/platform/process-id.ts';
import { HANDOFF_VARIABLE, type Handoff } from '../../../src/runner/handoff/protocol.ts';
import { acquire, readHolder } from '../../../src/runner/role/lock.ts';
import { lockBaseOf } from '../../../src/runner/role/state-file.ts';
import { isPosix, onlyWith } from '../../helpers/needs.ts';
import { launchRunner, startRunner } from '../../helpers/runner.ts';
import { makeTemp } from '../../helpers/temp.ts';

const me = identify(process.pid) as ProcessId;
const gone: ProcessId = { ...me, started: me.started.replace(/\d+$/, '0') };
const PARTS = ['rehearsal', 'replacement', 'exec'] as const;

const forge = (part: Handoff['part'], from: ProcessId, generation: number): NodeJS.ProcessEnv => {
  const said: Handoff = { part, from, generation, sockets: [], grantMs: 100, proveMs: 100 };
  return { [HANDOFF_VARIABLE]: JSON.stringify(said) };
};

const makeStateFile = () => join(makeTemp(), 'state/runner.state.json');

describe.each(PARTS)('a forged DISTPRINT_HANDOFF that says "%s"', (part) => {
  it('and names the runner that runs: the other is refused, and that one keeps the lock', async () => {
    const runner = await startRunner();
    const holder = readHolder(lockBaseOf(runner.stateFile));
    expect(holder?.process.pid).toBe(runner.pid);
    const env = forge(part, holder?.process as ProcessId, 1);
    const other = launchRunner({ stateFile: runner.stateFile }, { env });
    expect(await other.ended).toBe(1);
    await expect.poll(other.stderr, { timeout: 12_000 }).toContain('ERR_DISTPRINT_RUNNING');
    expect(readHolder(lockBaseOf(runner.stateFile))).toEqual(holder);
    await runner.beats(1);
    expect(runner.state().pid).toBe(runner.pid);
  });

  it('and names the lock holder, who is its parent, but has started no such thing: it is refused', async () => {
    const stateFile = makeStateFile();
    const holder = acquire(lockBaseOf(stateFile), me);
    const other = launchRunner({ stateFile }, { env: forge(part, me, 1) });
    expect(await other.ended).toBe(1);
    await expect.poll(other.stderr, { timeout: 12_000 }).toContain('ERR_DISTPRINT_RUNNING');
    expect(readHolder(lockBaseOf(stateFile))).toEqual(holder);
  });

  it('and names a runner that died, as its lock still does: it starts like any other, and serves', async () => {
    const stateFile = makeStateFile();
    mkdirSync(dirname(stateFile));
    writeFileSync(`${lockBaseOf(stateFile)}.5`, JSON.stringify(gone));
    const runner = await startRunner({ stateFile }, { env: forge(part, gone, 5) });
    expect(runner.said.at(-1)).toEqual({
      ready: runner.pid,
      generation: 6,
      isHandedOver: false,
      word: null,
    });
    await runner.beats(2);
  });

  it('and names its parent, who owns nothing: it starts like any other, and serves', async () => {
    const runner = await startRunner({}, { env: forge(part, me, 1) });
    expect(runner.said.at(-1)).toEqual({
      ready: runner.pid,
      generation: 1,
      isHandedOver: false,
      word: null,
    });
  });
});

describe('a replacement', () => {
  onlyWith('a POSIX shell', isPosix)('whose parent hears it, and never grants the lock, gives up', async () => {
    const stateFile = makeStateFile();
    const holder = acquire(lockBaseOf(stateFile), me);
    const wrapper = ['sh', '-c', 'exec "$@" 3>&2', 'sh']; // its reports come with what it prints
    const other = launchRunner({ stateFile }, { env: forge('replacement', me, 1), wrapper });
    expect(await other.ended).toBe(1);
    await expect.poll(other.stderr, { timeout: 12_000 }).toContain('ERR_DISTPRINT_NOT_GRANTED');
    expect(other.stderr()).toContain(`process ${me.pid} keeps the lock: it granted nothing within 200 ms`);
    expect(other.stderr()).toContain('{"at":"loaded",');
    expect(readHolder(lockBaseOf(stateFile))).toEqual(holder);
    expect(existsSync(stateFile)).toBe(false);
  });
});

describe('a DISTPRINT_HANDOFF', () => {
  it.each(['null', '[]', '{"part":"exec"', '{"from":{"pid":1,"started":"x"},"sockets":1}'])(
    'that says %j is as none',
    async (said) => {
      const runner = await startRunner({}, { env: { [HANDOFF_VARIABLE]: said } });
      expect(runner.said.at(-1)).toEqual({
        ready: runner.pid,
        generation: 1,
        isHandedOver: false,
        word: null,
      });
    },
  );
});
