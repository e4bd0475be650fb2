import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { identify, isAlive, type ProcessId } from '../../../src/platform/process-id.ts';
import { acquire, grant, keepLock, type LockHolder, readHolder } from '../../../src/runner/role/lock.ts';
import { built, type Program, startProgram } from '../../helpers/built.ts';
import { errorOf } from '../../helpers/manifest.ts';
import { isPosix, onlyWith } from '../../helpers/needs.ts';
import { makeFifo } from '../../helpers/specials.ts';
import { makeTemp } from '../../helpers/temp.ts';

const me = identify(process.pid) as ProcessId;
/** Names no process: none starts before the machine does. */
const gone: ProcessId = { ...me, started: me.started.replace(/\d+$/, '0') };

const lives = ({ process }: LockHolder) => isAlive(process);
const makeBase = () => join(makeTemp(), 'runner.state.lock');
const write = (base: string, generation: number, content: string) => writeFileSync(`${base}.${generation}`, content);
const filesOf = (base: string) => readdirSync(dirname(base)).sort();

/** Claims for itself when there is a file `start`, and again for each line; prints the holder that it is, or what refused it. */
const CLAIMANT = `
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { acquire } from ${JSON.stringify(built('runner/role/lock.js'))};
import { identify } from ${JSON.stringify(built('platform/process-id.js'))};
const [base, start] = process.argv.slice(1);
const me = identify(process.pid);
const say = (what) => console.log(JSON.stringify(what));
const tryClaim = () => {
  try {
    say({ holder: acquire(base, me) });
  } catch (error) {
    say({ refused: error.code });
  }
};
say('here');
const never = new Int32Array(new SharedArrayBuffer(4));
while (!existsSync(start)) Atomics.wait(never, 0, 0, 1);
tryClaim();
for await (const _ of createInterface({ input: process.stdin })) tryClaim();
`;

interface Outcome {
  holder?: LockHolder;
  refused?: string;
}

async function startClaimants(count: number, base: string): Promise<{ claimants: Program[]; start: string }> {
  const start = join(makeTemp(), 'start');
  const claimants = Array.from({ length: count }, () => startProgram(CLAIMANT, [base, start]));
  for (const claimant of claimants) await claimant.hear();
  return { claimants, start };
}

describe('one lock holder', () => {
  it('of many real processes that acquire at the same moment; and one again when that one has died', async () => {
    const base = makeBase();
    const { claimants, start } = await startClaimants(8, base);
    writeFileSync(start, '');
    const first = await Promise.all(claimants.map((each) => each.hear<Outcome>()));
    const [winner, ...others] = claimants.filter((_, i) => first[i]?.holder) as [Program, ...Program[]];
    expect(others).toEqual([]);
    expect(first.filter(({ refused }) => refused === 'ERR_DISTPRINT_RUNNING')).toHaveLength(7);
    expect(readHolder(base)).toEqual({ process: identify(winner.pid), generation: 1 });

    await winner.kill();
    const left = claimants.filter((each) => each !== winner);
    const second = await Promise.all(left.map((each) => each.ask<Outcome>()));
    const [heir, ...more] = left.filter((_, i) => second[i]?.holder) as [Program, ...Program[]];
    expect(more).toEqual([]);
    expect(readHolder(base)).toEqual({ process: identify(heir.pid), generation: 2 });
    expect(filesOf(base)).toEqual([`${basename(base)}.2`]);
  });

  it('of each generation, however many acquire who looked before another took it and lost it again', async () => {
    const base = makeBase();
    // Owners that are dead at once: every acquire succeeds, and each generation is passed over right after.
    const source = `
      import { acquire } from ${JSON.stringify(built('runner/role/lock.js'))};
      const [base, who, rounds] = process.argv.slice(1);
      const generations = [];
      for (let i = 0; i < Number(rounds); i++) generations.push(acquire(base, { pid: 1, started: who + ' ' + i }).generation);
      console.log(JSON.stringify(generations));
    `;
    const programs = ['a', 'b', 'c', 'd'].map((who) => startProgram(source, [base, who, '200']));
    const taken = await Promise.all(programs.map((each) => each.hear<number[]>()));
    for (const generations of taken) expect(generations).toEqual([...generations].sort((a, b) => a - b));
    const all = taken.flat();
    expect(new Set(all).size).toBe(800);
    expect(readHolder(base)?.generation).toBe(Math.max(...all));
  });

  it('that was stopped keeps it', async () => {
    const base = makeBase();
    const { claimants, start } = await startClaimants(1, base);
    writeFileSync(start, '');
    const [claimant] = claimants as [Program];
    await claimant.hear();
    claimant.child.kill('SIGSTOP');
    const error = await errorOf(() => acquire(base, me));
    expect(error.code).toBe('ERR_DISTPRINT_RUNNING');
    expect(error.message).toContain(`process ${claimant.pid}, generation 1`);
    await claimant.kill();
    expect(acquire(base, me)).toEqual({ process: me, generation: 2 });
  });
});

describe('a lock convinces nobody', () => {
  it.each<[string, string]>([
    ['of a process that ended, whose PID another has now', JSON.stringify(gone)],
    [
      'that was copied from another boot',
      JSON.stringify({ ...me, started: me.started.replace(/^[^/]+/, randomUUID()) }),
    ],
    [
      'that was copied from a container',
      JSON.stringify({ ...me, started: me.started.replace(/pid:\[\d+\]/, 'pid:[1]') }),
    ],
    ['that is empty', ''],
    ['that is cut off', JSON.stringify(me).slice(0, -9)],
    ['that is no process', 'null'],
    ['that names no PID', '{"pid":0,"started":"x"}'],
    ['that names a PID alone', `{"pid":${process.pid}}`],
  ])('%s; its generation counts', (_, content) => {
    const base = makeBase();
    write(base, 6, content);
    expect(readHolder(base)?.generation).toBe(6);
    expect(acquire(base, me)).toEqual({ process: me, generation: 7 });
  });

  onlyWith('FIFOs', isPosix)('that is a FIFO or a directory, nor keeps anybody waiting', () => {
    const base = makeBase();
    makeFifo(`${base}.3`);
    expect(acquire(base, me).generation).toBe(4);
    const other = makeBase();
    mkdirSync(`${other}.3`);
    expect(acquire(other, me).generation).toBe(4);
  });

  it('of another name', () => {
    const base = makeBase();
    for (const name of ['.x', '.01', '.-1', '.1.tmp', '', '-9', '.'])
      writeFileSync(`${base}${name}`, JSON.stringify(identify(process.ppid)));
    expect(readHolder(base)).toBeUndefined();
    expect(acquire(base, me).generation).toBe(1);
  });
});

describe('a lock', () => {
  it('can be written by its owner alone, and read by all, in a folder that is made for it', () => {
    const base = join(makeTemp(), 'a/b/runner.state.lock');
    acquire(base, me);
    expect(statSync(`${base}.1`).mode & 0o777).toBe(0o644);
    expect(statSync(dirname(base)).mode & 0o777).toBe(0o700);
    expect(filesOf(base)).toEqual(['runner.state.lock.1']);
  });

  it('is claimed anew, with another generation, by the process that has it: it has new code', () => {
    const base = makeBase();
    expect([acquire(base, me).generation, acquire(base, me).generation]).toEqual([1, 2]);
    expect(filesOf(base)).toEqual([`${basename(base)}.2`]);
  });
});

describe('a grant', () => {
  it('names the other process, and the granter no more', async () => {
    const base = makeBase();
    const mine = acquire(base, me);
    const heir = startProgram('console.log(1); setInterval(() => {}, 1000)');
    await heir.hear();
    const id = identify(heir.pid) as ProcessId;
    expect(grant(base, mine, id)).toEqual({ process: id, generation: 2 });
    expect(readHolder(base)).toEqual({ process: id, generation: 2 });
    expect(keepLock(base, mine, lives)).toEqual({ process: id, generation: 2 });
    expect((await errorOf(() => acquire(base, me))).code).toBe('ERR_DISTPRINT_RUNNING');
    await heir.kill();
    expect(acquire(base, me)).toEqual({ process: me, generation: 3 });
  });

  it('is refused where somebody else took it meanwhile', async () => {
    const base = makeBase();
    const mine = acquire(base, gone);
    acquire(base, me);
    expect((await errorOf(() => grant(base, mine, gone))).code).toBe('ERR_DISTPRINT_RUNNING');
    expect(readHolder(base)).toEqual({ process: me, generation: 2 });
  });
});

describe('keeping the lock', () => {
  it('changes nothing where it is held', () => {
    const base = makeBase();
    const mine = acquire(base, me);
    const { ino, ctimeNs } = statSync(`${base}.1`, { bigint: true });
    expect(keepLock(base, mine, lives)).toEqual(mine);
    expect(statSync(`${base}.1`, { bigint: true })).toMatchObject({ ino, ctimeNs });
  });

  it('writes it again after its folder was deleted', () => {
    const base = join(makeTemp(), 'state/runner.state.lock');
    acquire(base, me);
    const mine = acquire(base, me);
    rmSync(dirname(base), { recursive: true });
    expect(keepLock(base, mine, lives)).toEqual(mine);
    expect(readHolder(base)).toEqual({ process: me, generation: 2 });
    expect(JSON.parse(readFileSync(`${base}.2`, 'utf8'))).toEqual(me);
  });

  it('names the other, where the folder was deleted and another that is alive came first', async () => {
    const base = join(makeTemp(), 'state/runner.state.lock');
    acquire(base, me);
    const mine = acquire(base, me);
    rmSync(dirname(base), { recursive: true });
    const { claimants, start } = await startClaimants(1, base);
    writeFileSync(start, '');
    const [claimant] = claimants as [Program];
    expect(await claimant.hear<Outcome>()).toMatchObject({ holder: { generation: 1 } });
    expect(keepLock(base, mine, lives)).toMatchObject({ process: { pid: claimant.pid }, generation: 1 });
    expect(readHolder(base)?.process.pid).toBe(claimant.pid);
    await claimant.kill();
    expect(keepLock(base, mine, lives)).toEqual(mine);
    expect(readHolder(base)).toEqual({ process: me, generation: 2 });
  });

  it('fails with the error of the operating system where it can not be read', () => {
    const base = makeBase();
    writeFileSync(base, '');
    expect(() => keepLock(join(base, 'below'), { process: me, generation: 1 }, lives)).toThrow(/ENOTDIR/);
  });
});
