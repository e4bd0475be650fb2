import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep, setImmediate as soon } from 'node:timers/promises';
import { cleanEnv } from '../../../fixtures/releases.ts';
import type { Act } from '../acts.ts';
import { type Compare, must } from '../context.ts';
import { toMarked } from '../processes.ts';
import { MODULES } from '../project.ts';
import { getTarball, nextRelease, toInstall } from '../releases.ts';
import { ask, type Session, untilQuiet } from '../session.ts';

const LEFT_FOR_MS = 10_000;
const TRIES = 4;
const MOMENT_MS = 2;
const QUIET_MS = 4_000;

/** npm is stopped (SIGSTOP) while it unpacks, and goes on 10 s later. What happens until then is counted. */
export const halfInstalled = (bench: Compare): Act => ({
  name: 'half-installed',
  what: 'an install that is stopped half way for 10 s',
  target: 0,
  async run(session, release) {
    const next = nextRelease(release);
    const tarballs = [await getTarball(bench, release), await getTarball(bench, next)] as const;
    const { npm, before } = await stopHalfWay(session, ...tarballs);
    await sleep(LEFT_FOR_MS);
    const restarts = session.countStarts() - before;
    const isDown = await ask({ port: session.port }).then(
      () => false,
      () => true,
    );
    signalGroup(npm, 'SIGCONT');
    const [status] = await once(npm, 'exit');
    if (status !== 0) throw new Error(`npm install failed (exit ${status})`);
    return { release: next, restarts, isDown };
  },
});

/**
 * Once npm has moved the old package away, it runs for a moment at a time, until it is half way.
 * @throws if it is never caught there
 */
async function stopHalfWay(session: Session, from: string, to: string): Promise<{ npm: ChildProcess; before: number }> {
  const { root, mark } = session;
  const place = join(root, 'node_modules/server');
  const env = { ...cleanEnv, ...toMarked(mark) };
  for (let tries = 0; tries < TRIES; tries++) {
    const before = session.countStarts();
    const old = statSync(place).ino;
    const npm = spawn('npm', toInstall(to), { cwd: root, env, stdio: 'ignore', detached: true });
    const isOver = () => npm.exitCode !== null;
    while (!isOver() && statSync(place, { throwIfNoEntry: false })?.ino === old) await soon();
    while (!isOver()) {
      signalGroup(npm, 'SIGSTOP');
      if (isHalf(place)) return { npm, before };
      signalGroup(npm, 'SIGCONT');
      await sleep(MOMENT_MS);
    }
    must('npm', toInstall(from), root, env);
    await untilQuiet(session, QUIET_MS);
  }
  throw new Error(`npm was not caught half way in ${TRIES} installs`);
}

function signalGroup({ pid, exitCode }: ChildProcess, signal: NodeJS.Signals): void {
  if (exitCode === null) process.kill(-(pid as number), signal);
}

/** Whether some of its files are there, and some are not. */
function isHalf(place: string): boolean {
  try {
    const names = readdirSync(join(place, 'dist'), { recursive: true, encoding: 'utf8' });
    const count = names.filter((name) => name.endsWith('.js')).length;
    return count > MODULES / 10 && count < MODULES * 0.9;
  } catch {
    return false; // not one of them is there yet
  }
}
