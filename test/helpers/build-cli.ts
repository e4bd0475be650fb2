/**
 * Builds `dist` once for all tests, in a temporary directory: the doors as they are published, and each module beside them for the
 * tests that want one. Hundreds of tests start the command line, and the bundle starts fastest.
 */

import { chmodSync, cpSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { bundle } from '../../fixtures/releases.ts';
import { repository, run } from './run.ts';
import { makeTempToRemove, removeTree } from './temp-dir.ts';

declare module 'vitest' {
  interface ProvidedContext {
    builtCli: string;
  }
}

export default async function setup(project: TestProject): Promise<() => void> {
  const to = makeTempToRemove();
  chmodSync(to, 0o755); // some tests run it as another user
  cpSync(join(repository, 'package.json'), join(to, 'package.json'));
  symlinkSync(join(repository, 'node_modules'), join(to, 'node_modules'));
  const build = async () => {
    const dist = join(to, 'dist');
    // Types are for `npm run typecheck` to judge: here code that runs is run.
    const options = ['-p', 'tsconfig.build.json', '--noEmitOnError', 'false', '--outDir', dist];
    await run(['node_modules/.bin/tsc', ...options], { cwd: repository, timeout: 60_000 });
    bundle(dist); // in place of the doors that tsc has written
  };
  await build();
  project.onTestsRerun(build);
  project.provide('builtCli', join(to, 'dist/cli/main.js'));
  return () => removeTree(to);
}
