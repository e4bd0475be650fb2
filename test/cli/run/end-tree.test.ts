import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished } from 'vitest';
import { endTree } from '../../../src/cli/run/end-tree.ts';
import { createRunMark, markEnv } from '../../../src/cli/run/mark.ts';
import { platform } from '../../../src/platform/index.ts';
import { readStat } from '../../../src/platform/proc.ts';
import { identify } from '../../../src/platform/process-id.ts';
import { findInPs } from '../../../src/platform/ps.ts';
import { onlyWith } from '../../helpers/needs.ts';
import { makeTemp } from '../../helpers/temp.ts';
import { sleep, until } from '../../helpers/wait.ts';

const { findTree } = platform;
const it = onlyWith('Linux', process.platform === 'linux');
const runMark = createRunMark();

/** Whatever the test does, nothing of it is left. */
function start(command: readonly string[], { mark, env } = markEnv(runMark), detached = false) {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: 'ignore', detached });
  onTestFinished(async () => void (await endTree(child.pid ?? 0, mark, { signal: 'SIGKILL', graceMs: 0 })));
  return { child, mark, pid: child.pid as number };
}

const sh = (script: string) => ['/bin/sh', '-c', script];

/** Resolves with the PIDs once there are so many. */
const untilMany = (pid: number, mark: string, count: number) =>
  until(`${count} processes`, () => {
    const found = findTree(pid, mark);
    return found.length >= count ? found : undefined;
  });

const isThere = (pid: number) => identify(pid) !== undefined;
const groupsOf = (pids: readonly number[]) => new Set(pids.map((pid) => readStat(pid)?.group));
const isOver = ({ exitCode, signalCode }: ChildProcess) => exitCode !== null || signalCode !== null;
const gently = { signal: 'SIGTERM', graceMs: 10_000 } as const;

describe('findTree', () => {
  it('finds the children and theirs, in groups and sessions of their own too', async () => {
    const { pid, mark } = start(sh('sleep 1000 & setsid sleep 1000 & sh -c "setsid sleep 1000 & wait" & wait'));
    const found = await untilMany(pid, mark, 5);
    expect(found).toHaveLength(5);
    expect(found).toContain(pid);
    await until('three groups', () => groupsOf(found).size === 3 || undefined); // setsid(1) is started before it calls setsid(2)
  });

  it('finds one whose parent has ended', async () => {
    const { child, pid, mark } = start(sh('setsid sleep 1000 & exit 0'));
    await once(child, 'exit');
    const [left] = await untilMany(pid, mark, 1);
    expect(left).not.toBe(pid);
  });

  it('finds one that was started with an empty environment, by its parent', async () => {
    const { pid, mark } = start(sh('env -i sleep 1000 & wait'));
    expect(await untilMany(pid, mark, 2)).toHaveLength(2);
  });

  it('tells two starts apart, and finds both by the mark of the run', async () => {
    const own = createRunMark();
    const [a, b] = [start(sh('sleep 1000 & wait'), markEnv(own)), start(sh('sleep 1000 & wait'), markEnv(own))];
    const both = [...(await untilMany(a.pid, a.mark, 2)), ...(await untilMany(b.pid, b.mark, 2))];
    expect(new Set(both).size).toBe(4);
    expect(new Set(findTree(0, own))).toEqual(new Set(both));
  });

  it("does not take another's process for the root", async () => {
    const { pid } = start(sh('sleep 1000 & wait'));
    const [grandchild = 0] = await until('a child', () => {
      const found = findTree(pid, runMark).filter((each) => each !== pid);
      return found.length > 0 ? found : undefined;
    });
    expect(findTree(grandchild, 'DISTPRINT_RUN_of_nobody=')).toEqual([]);
  });

  it('leaves out a process that has ended and that nobody has waited for', async () => {
    const { pid, mark } = start(['node', '-e', 'require("child_process").spawn("true"); for (;;);']);
    await until('a zombie', () =>
      spawnSync('ps', ['-o', 'stat=', '--ppid', String(pid)])
        .stdout.toString()
        .includes('Z')
        ? true
        : undefined,
    );
    expect(findTree(pid, mark)).toEqual([pid]);
  });

  it('takes no longer than it takes to read the state of each process, twice', async () => {
    const other = markEnv(createRunMark());
    start(sh('i=0; while [ $i -lt 200 ]; do sleep 1000 & i=$((i + 1)); done; wait'), other);
    await untilMany(0, other.mark, 201);
    const { pid, mark } = start(sh('sleep 1000 & sleep 1000 & wait'));
    await untilMany(pid, mark, 3);
    const pids = () =>
      readdirSync('/proc')
        .map(Number)
        .filter((each) => each > 0);
    const measure = (work: () => void) => {
      const before = process.cpuUsage(); // others may have the processor meanwhile
      work();
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    const rounds = Array.from({ length: 30 }, () => [
      measure(() => expect(findTree(pid, mark)).toHaveLength(3)),
      measure(() => pids().forEach(readStat)),
    ]);
    const least = (at: 0 | 1) => Math.min(...rounds.map((round) => round[at] as number));
    expect(least(0)).toBeLessThan(2 * least(1));
  });

  it('reads the same from ps, which shows words and environment in one', async () => {
    const { pid, mark } = start(sh('sleep 1000 & wait'));
    const expected = await untilMany(pid, mark, 2);
    const { stdout } = spawnSync('ps', ['axeww', '-o', 'pid=,ppid=,stat=,command='], { encoding: 'latin1' });
    expect(findInPs(stdout, pid, mark)).toEqual(expected);
    expect(findInPs(stdout, 0, mark)).toEqual(expected);
    expect(findInPs(stdout, pid, 'DISTPRINT_RUN_of_nobody=')).toEqual(expected); // by descent
    expect(findInPs(stdout, 0, 'DISTPRINT_RUN_of_nobody=')).toEqual([]);
  });
});

describe('endTree', () => {
  it('ends all with the signal, and says that SIGKILL was not needed', async () => {
    const { child, pid, mark } = start(sh('sleep 1000 & setsid sleep 1000 & wait'));
    const before = await untilMany(pid, mark, 3);
    expect(await endTree(pid, mark, gently)).toEqual({ killed: false, left: [] });
    expect(before.filter(isThere)).toEqual([]);
    await until('the exit', () => isOver(child) || undefined);
  });

  it('kills what does not heed the signal, after the grace', async () => {
    const { pid, mark } = start(sh('trap "" TERM; sleep 1000 & wait'));
    const before = await untilMany(pid, mark, 2);
    const startMs = performance.now();
    expect(await endTree(pid, mark, { signal: 'SIGTERM', graceMs: 300 })).toEqual({ killed: true, left: [] });
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(300);
    expect(before.filter(isThere)).toEqual([]);
  });

  it('lets a process finish its work within the grace', async () => {
    const file = join(makeTemp(), 'done');
    const { pid, mark } = start(sh(`trap 'sleep 0.3; echo done >"${file}"; exit' TERM; sleep 1000 & wait`));
    await untilMany(pid, mark, 2);
    expect(await endTree(pid, mark, gently)).toMatchObject({ killed: false });
    expect(spawnSync('cat', [file]).stdout.toString()).toBe('done\n');
  });

  it('ends a stopped process', async () => {
    const { pid, mark } = start(['sleep', '1000']);
    process.kill(pid, 'SIGSTOP');
    expect(await endTree(pid, mark, gently)).toEqual({ killed: false, left: [] });
  });

  it('ends what is started while it ends', async () => {
    const script = `const { spawn } = require('node:child_process');
      process.on('SIGTERM', () => { for (let i = 0; i < 5; i++) spawn('sleep', ['1000'], { detached: true }).unref(); process.exit(); });
      setInterval(() => {}, 1000); process.title = 'waits';`;
    const { pid, mark } = start(['node', '-e', script]);
    await until('the title', () =>
      spawnSync('ps', ['-o', 'args=', '-p', String(pid)])
        .stdout.toString()
        .startsWith('waits')
        ? true
        : undefined,
    );
    expect(await endTree(pid, mark, gently)).toEqual({ killed: false, left: [] });
    expect(findTree(pid, mark)).toEqual([]);
  });

  it('ends one that flees: it starts its successor in a session of its own, and ends, again and again', async () => {
    const file = join(makeTemp(), 'flee.sh');
    writeFileSync(file, `sleep 0.02\nsetsid /bin/sh ${file} &\nexit 0\n`);
    const { child, pid, mark } = start(['/bin/sh', file]);
    await once(child, 'exit');
    expect(await endTree(pid, mark, gently)).toMatchObject({ left: [] });
    await sleep(100); // some generations
    expect(findTree(pid, mark)).toEqual([]);
  });

  it('follows one that it has seen, though its parent ended and its environment is empty', async () => {
    const { pid, mark } = start(sh('env -i /bin/sh -c "trap \\"\\" TERM; sleep 1000; exit" & wait'));
    const before = await untilMany(pid, mark, 3);
    expect(await endTree(pid, mark, { signal: 'SIGTERM', graceMs: 300 })).toEqual({ killed: true, left: [] });
    expect(before.filter(isThere)).toEqual([]);
  });

  it('has nothing to do where nothing is left', async () => {
    const { child, pid, mark } = start(['true']);
    await once(child, 'exit');
    expect(await endTree(pid, mark, gently)).toEqual({ killed: false, left: [] });
  });
});
