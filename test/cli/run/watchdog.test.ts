import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, onTestFinished } from 'vitest';
import { endTree } from '../../../src/cli/run/end-tree.ts';
import { createRunMark, markEnv } from '../../../src/cli/run/mark.ts';
import { startWatchdog } from '../../../src/cli/run/watchdog.ts';
import { platform } from '../../../src/platform/index.ts';
import { built } from '../../helpers/built.ts';
import { onlyWith } from '../../helpers/needs.ts';
import { until } from '../../helpers/wait.ts';

const { findTree } = platform;
const it = onlyWith('Linux', process.platform === 'linux');

/** A process that starts a watchdog and a command, as the wrapper does, and says the watchdog's PID. */
async function startGuarded(script: string, options = '{}') {
  const runMark = createRunMark();
  const program = `
    import { spawn } from 'node:child_process';
    import { markEnv } from ${JSON.stringify(built('cli/run/mark.js'))};
    import { startWatchdog } from ${JSON.stringify(built('cli/run/watchdog.js'))};
    const watchdog = startWatchdog(${JSON.stringify(runMark)}, ${options});
    const { env } = markEnv(${JSON.stringify(runMark)});
    spawn('/bin/sh', ['-c', ${JSON.stringify(script)}], { stdio: 'ignore', env: { ...process.env, ...env } });
    console.log(watchdog.pid);
    setInterval(() => {}, 1000);`;
  const wrapper = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(async () => {
    wrapper.kill('SIGKILL');
    await endTree(0, runMark, { signal: 'SIGKILL', graceMs: 0 });
  });
  const [line] = await once(createInterface({ input: wrapper.stdout }), 'line');
  return { wrapper, runMark, watchdogPid: Number(line) };
}

const untilGone = (what: string, isThere: () => boolean) => until(what, () => !isThere() || undefined);

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const untilMany = (runMark: string, count: number) =>
  until(`${count} processes`, () => findTree(0, runMark).length === count || undefined);

it('of a process that is killed ends all that it started, and then itself', async () => {
  const { wrapper, runMark, watchdogPid } = await startGuarded(
    'sleep 1000 & setsid sleep 1000 & (setsid sleep 1000 &) ; env -i sleep 1000 & wait',
  );
  // The one with an empty environment is found by its parent.
  await untilMany(runMark, 5);
  wrapper.kill('SIGKILL');
  await untilGone('the tree to be gone', () => findTree(0, runMark).length > 0);
  await untilGone('the watchdog to be gone', () => isAlive(watchdogPid));
});

it('kills what does not heed the signal, after the grace', async () => {
  const { wrapper, runMark } = await startGuarded('trap "" TERM; sleep 1000 & wait', '{ graceMs: 300 }');
  await untilMany(runMark, 2);
  wrapper.kill('SIGKILL');
  await untilGone('the tree to be gone', () => findTree(0, runMark).length > 0);
});

it('sends the signal that the command is to be stopped with', async () => {
  const { wrapper, runMark } = await startGuarded(
    'trap "" TERM; trap exit USR1; sleep 1000 & wait',
    "{ signal: 'SIGUSR1', graceMs: 600_000 }",
  );
  await untilMany(runMark, 2);
  wrapper.kill('SIGKILL');
  await untilGone('the tree to be gone', () => findTree(0, runMark).length > 0);
});

it('survives the signals of a terminal and of a supervisor', async () => {
  const { wrapper, runMark, watchdogPid } = await startGuarded('sleep 1000 & wait');
  await untilMany(runMark, 2);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const)
    process.kill(watchdogPid, signal);
  wrapper.kill('SIGKILL');
  await untilGone('the tree to be gone', () => findTree(0, runMark).length > 0);
});

it('that is ended harms nobody, and keeps no process alive by itself', async () => {
  const { mark, env } = markEnv(createRunMark());
  const child = spawn('sleep', ['1000'], { stdio: 'ignore', env: { ...process.env, ...env } });
  onTestFinished(() => void child.kill('SIGKILL'));
  const watchdog = startWatchdog(mark);
  await watchdog.end();
  expect(isAlive(watchdog.pid as number)).toBe(false);
  expect(findTree(0, mark)).toEqual([child.pid]);
});
