import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cleanEnv } from '../../../fixtures/releases.ts';
import type { Act } from '../acts.ts';
import type { Compare } from '../context.ts';
import { getTarball, nextRelease, toInstall } from '../releases.ts';

/** A package with the server is replaced by its next release. */
export const installed = (bench: Compare): Act => ({
  name: 'installed',
  what: '`npm install` of the next release',
  target: 1,
  async run({ root }, release) {
    const next = nextRelease(release);
    const npm = spawn('npm', toInstall(await getTarball(bench, next)), { cwd: root, env: cleanEnv, stdio: 'ignore' });
    const [status] = await once(npm, 'exit');
    if (status !== 0) throw new Error(`npm install failed (exit ${status})`);
    return next;
  },
});
