import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep, setImmediate as soon } from 'node:timers/promises';
import { cleanEnv } from '../../../fixtures/releases.ts';
import type { Act } from '../acts.ts';
import { type Compare, must } from '../context.ts';
import { toMarked } from '../processes.ts';
import { MODULES } from '../project.ts';
import { getTarball, nextRelease, toInstall } from '../releases.ts';
import { type Session, untilQuiet } from '../session.ts';

const LEFT_FOR_MS = 10_000;
const TRIES = 8;
const QUIET_MS = 4_000;

/** npm is stopped (SIGSTOP) while it unpacks, and goes on 10 s later. What happens until then is counted. */
export const halfInstalled = (bench: Compare): Act => ({
  name: 'half-installed',
  what: 'an install that is stopped half way for 10 s',
  target: 0,
  async run(session, release) {
    const next = nextRelease(release);
    const tarballs = [await getTarball(bench, release), await getTarball(bench, next)] as const;
    const { npm, before } = await stopHalfWay(session, ...tarballs, next);
    await sleep(LEFT_FOR_MS);
    const restarts = session.countStarts() - before;
    process.kill(-(npm.pid as number), 'SIGCONT');
    const [status] = await once(npm, 'exit');
    if (status !== 0) throw new Error(`npm install failed (exit ${status})`);
    return { release: next, restarts };
  },
});

/** @throws if it is never caught half way */
async function stopHalfWay(
  session: Session,
  from: string,
  to: string,
  next: string,
): Promise<{ npm: ChildProcess; before: number }> {
  const { root, mark } = session;
  const env = { ...cleanEnv, ...toMarked(mark) };
  for (let tries = 0; tries < TRIES; tries++) {
    const before = session.countStarts();
    const npm = spawn('npm', toInstall(to), { cwd: root, env, stdio: 'ignore', detached: true });
    const group = -(npm.pid as number);
    while (npm.exitCode === null && !isHalf(root, next)) await soon();
    if (npm.exitCode === null) {
      process.kill(group, 'SIGSTOP');
      if (isHalf(root, next)) return { npm, before };
      process.kill(group, 'SIGCONT');
      await once(npm, 'exit');
    }
    must('npm', toInstall(from), root, env);
    await untilQuiet(session, QUIET_MS);
  }
  throw new Error(`npm was not caught half way in ${TRIES} installs`);
}

/** Whether its package.json is the new one's, and some of its files are there. */
function isHalf(root: string, release: string): boolean {
  const place = join(root, 'node_modules/server');
  try {
    const { version } = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8'));
    if (version !== `${release}.0.0`) return false;
    const names = readdirSync(join(place, 'dist'), { recursive: true, encoding: 'utf8' });
    const count = names.filter((name) => name.endsWith('.js')).length;
    return count > MODULES / 10 && count < MODULES * 0.9;
  } catch {
    return false;
  }
}
