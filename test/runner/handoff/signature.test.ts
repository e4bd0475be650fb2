/** A Mac with Apple's processor runs nothing that is not signed: in the GitHub workflow. */

import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { onlyWith } from '../../helpers/needs.ts';
import { startRunner } from '../../helpers/runner.ts';
import { makeTemp } from '../../helpers/temp.ts';
import { until } from '../../helpers/wait.ts';

const isMac = process.platform === 'darwin' && process.arch === 'arm64';
const itWithSignatures = onlyWith('a kernel that ends what is not signed (macOS, arm64)', isMac);

itWithSignatures('a runtime whose signature is gone is ended in its rehearsal, and the old process stays', async () => {
  const folder = makeTemp();
  const [runtime, unsigned] = [join(folder, 'node'), join(folder, 'unsigned')];
  copyFileSync(process.execPath, runtime);
  copyFileSync(process.execPath, unsigned);
  execFileSync('codesign', ['--remove-signature', unsigned], { stdio: 'ignore' });
  expect(spawnSync(unsigned, ['--version']).signal).toBe('SIGKILL');
  const runner = await startRunner({ strategy: 'respawn' }, { runtime });
  renameSync(unsigned, runtime); // as an installer does: what runs is left alone
  runner.upgrade('2.0.0');
  const failure = await until('the failure', () => runner.logs().find((line) => /hand-off to .* failed/.test(line)));
  expect(failure).toContain('it was ended by SIGKILL');
  await runner.beats(2);
});
