/**
 * Compiles the sources once for all tests. Hundreds of tests start the command line, and plain JavaScript starts several times as fast as
 * TypeScript through a loader. It goes below the repository, from where Node finds the repository's dependencies.
 */

import { chmodSync, cpSync, mkdirSync, mkdtempSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { repository, run } from './run.ts';
import { removeTree } from './temp-dir.ts';

declare module 'vitest' {
  interface ProvidedContext {
    builtCli: string;
  }
}

export default async function setup(project: TestProject): Promise<() => void> {
  const cache = join(repository, '.cache');
  mkdirSync(cache, { recursive: true });
  const to = mkdtempSync(join(cache, 'built-'));
  chmodSync(to, 0o755); // some tests run it as another user
  cpSync(join(repository, 'package.json'), join(to, 'package.json'));
  const build = async () => {
    const { bin } = createRequire(import.meta.url)('typescript/package.json') as { bin: { tsc: string } };
    const tsc = join(repository, 'node_modules/typescript', bin.tsc);
    // Types are for `npm run typecheck` to judge: here code that runs is run.
    const options = ['-p', join(repository, 'tsconfig.build.json'), '--noEmitOnError', 'false'];
    await run([process.execPath, tsc, ...options, '--outDir', join(to, 'dist')], { timeout: 60_000 });
  };
  await build();
  project.onTestsRerun(build);
  project.provide('builtCli', join(to, 'dist/cli/main.js'));
  return () => removeTree(to);
}
