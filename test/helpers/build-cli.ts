/**
 * Compiles the sources once for all tests, in a temporary directory. Hundreds of tests start the command line, and
 * plain JavaScript starts several times as fast as TypeScript through a loader.
 */

import { chmodSync, cpSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
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
    const tsc = join(repository, 'node_modules/.bin/tsc');
    // Types are for `npm run typecheck` to judge: here code that runs is run.
    const options = ['-p', join(repository, 'tsconfig.build.json'), '--noEmitOnError', 'false'];
    await run([tsc, ...options, '--outDir', join(to, 'dist')], { timeout: 60_000 });
  };
  await build();
  project.onTestsRerun(build);
  project.provide('builtCli', join(to, 'dist/cli/main.js'));
  return () => removeTree(to);
}
