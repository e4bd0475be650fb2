import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished } from 'vitest';
import { identify, isAlive, isSameProcess, type ProcessId } from '../../src/platform/process-id.ts';
import { built, startProgram } from '../helpers/built.ts';
import { isPosix, isRoot, needs, onlyWith, succeeds } from '../helpers/needs.ts';
import { makeTemp } from '../helpers/temp.ts';
import { until } from '../helpers/wait.ts';

const isBuilt = existsSync(fileURLToPath(built('platform/process-id.js'))); // the published bundle has no such file
/** On Windows: test/windows/runner.test.ts. */
const it = onlyWith('/proc or ps(1), and modules that were built one by one', isPosix && isBuilt);
const isLinux = process.platform === 'linux';
const onLinux = onlyWith('Linux', isLinux);

const idOf = (pid: number) => identify(pid) as ProcessId;

/** Lives until the test is over. */
function start(file: string, ...args: string[]) {
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return { child, pid: child.pid as number };
}

const ps = (pid: number, what: string) =>
  execFileSync('ps', ['-o', `${what}=`, '-p', `${pid}`], { encoding: 'utf8' }).trim();
const becomesSleep = (pid: number) => until('exec', () => (ps(pid, 'args') === 'sleep 60' ? true : undefined));

describe('a process', () => {
  it('is the same as long as it lives, whoever asks', async () => {
    const asked = startProgram(`
      import { identify } from ${JSON.stringify(built('platform/process-id.js'))};
      console.log(JSON.stringify([identify(process.pid), identify(process.ppid)]));
      setInterval(() => {}, 1000);
    `);
    expect(await asked.hear()).toEqual([identify(asked.pid), identify(process.pid)]);
    expect(isAlive(idOf(asked.pid))).toBe(true);
  });

  it('is another than each that started before or after', () => {
    const ids = [process.pid, process.ppid, start('sleep', '60').pid].map(idOf);
    expect(new Set(ids.map(({ started }) => started)).size).toBe(3);
    const [a, b] = ids as [ProcessId, ProcessId];
    expect(isSameProcess(a, { ...a })).toBe(true);
    expect(isSameProcess(a, { ...b, pid: a.pid })).toBe(false);
  });

  it('that is not there has no identity', () => {
    for (const pid of [0, -1, 2 ** 30, Number.NaN]) expect(identify(pid)).toBeUndefined();
  });

  it('that was stopped is alive', async () => {
    const { child, pid } = start('sleep', '60');
    const id = idOf(pid);
    child.kill('SIGSTOP');
    await until('it to be stopped', () => (ps(pid, 'state').startsWith('T') ? true : undefined));
    expect(isAlive(id)).toBe(true);
  });

  it('that has ended is not, and neither is its identity under a PID that is used again', async () => {
    const { child, pid } = start('sleep', '60');
    const id = idOf(pid);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(isAlive(id)).toBe(false);
    expect(isAlive({ ...idOf(process.pid), started: id.started })).toBe(false);
    expect(isAlive({ ...id, pid: process.pid })).toBe(false);
  });

  it('that has ended and that nobody waited for is not', async () => {
    // What exec makes of the shell waits for no child. A shell does, until then.
    const parent = start('sh', '-c', 'sleep 60 & echo $!; exec sleep 60');
    const pid = Number.parseInt(String((await once(parent.child.stdout, 'data'))[0]), 10);
    onTestFinished(() => {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // as it should be
      }
    });
    await becomesSleep(parent.pid);
    const id = idOf(pid);
    expect(isAlive(id)).toBe(true);
    process.kill(pid, 'SIGKILL');
    await until('its end', () => (isAlive(id) ? undefined : true));
    expect(process.kill(pid, 0)).toBe(true); // it can still be signalled: a zombie
    expect(identify(pid)).toBeUndefined();
  });

  it('keeps its identity when it becomes another program', async () => {
    const { child, pid } = start('sh', '-c', 'echo; read x; exec sleep 60');
    await once(child.stdout, 'data');
    const id = idOf(pid);
    child.stdin.write('\n');
    await becomesSleep(pid);
    expect(identify(pid)).toEqual(id);
  });

  onLinux('whose name looks like fields of its own state is not taken for what it says', () => {
    const program = join(makeTemp(), '0) Z 1 (');
    copyFileSync(execFileSync('which', ['sleep'], { encoding: 'utf8' }).trim(), program);
    const { pid } = start(program, '60');
    expect(readFileSync(`/proc/${pid}/comm`, 'utf8').trim()).toBe('0) Z 1 (');
    expect(identify(pid)?.started).toMatch(/^[0-9a-f-]{36}\/pid:\[\d+\]\/\d+$/);
  });

  onLinux('is named by nothing that follows the wall clock', () => {
    const { started } = idOf(process.pid);
    const [boot, , ticks] = started.split('/') as [string, string, string];
    expect(boot).toBe(readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
    const perSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
    const upSeconds = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
    expect(Number(ticks) / perSecond).toBeLessThanOrEqual(upSeconds);
  });

  const mayUnshare = isRoot && succeeds('unshare', '-p', '-f', '--mount-proc', 'true');

  onlyWith('a PID namespace, as root', isLinux && mayUnshare)(
    'of a container is none of ours that has its PID',
    async () => {
      const source = `
      import { identify, isAlive } from ${JSON.stringify(built('platform/process-id.js'))};
      const of = JSON.parse(process.argv[1]);
      console.log(JSON.stringify({ mine: identify(1), isAlive: isAlive(of), isMine: isAlive(identify(1)) }));
    `;
      const there = startProgram(
        source,
        [JSON.stringify(idOf(1))],
        ['unshare', '-p', '-f', '--mount-proc', process.execPath],
      );
      const said = await there.hear<{ mine: ProcessId; isAlive: boolean; isMine: boolean }>();
      expect(said).toMatchObject({ mine: { pid: 1 }, isAlive: false, isMine: true });
      expect(isAlive(said.mine)).toBe(false);
    },
  );
});

describe('where there is no /proc', () => {
  needs('ps(1)', succeeds('ps', '-o', 'state=,lstart=', '-p', `${process.pid}`))('ps tells the same', async () => {
    const source = `
      import { spawn } from 'node:child_process';
      import { once } from 'node:events';
      Object.defineProperty(process, 'platform', { value: 'darwin' });
      const { identify, isAlive } = await import(${JSON.stringify(built('platform/process-id.js'))});
      const child = spawn('sleep', ['60']);
      const me = identify(process.pid);
      const other = identify(child.pid);
      const before = [isAlive(me), isAlive(other), isAlive({ ...me, started: identify(1).started })];
      child.kill('SIGKILL');
      await once(child, 'exit');
      process.env.TZ = 'Asia/Tokyo';
      process.env.LC_ALL = 'de_DE.UTF-8';
      console.log(JSON.stringify({ me, before, after: [isAlive(me), isAlive(other), identify(2 ** 22 + 1) ?? null] }));
    `;
    const told = startProgram(source);
    expect(await told.hear()).toEqual({
      me: { pid: told.pid, started: expect.stringMatching(/^\w{3} \w{3} \d+ \d\d:\d\d:\d\d \d{4}$/) },
      before: [true, true, false],
      after: [true, false, null],
    });
  });
});
