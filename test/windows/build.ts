/** Bundles the sources once for all tests, as they are published: on Windows each module that is opened costs. */

import { cpSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { repository, run } from '../helpers/run.ts';
import { makeTempToRemove, removeTree } from '../helpers/temp-dir.ts';

export default async function setup(project: TestProject): Promise<() => void> {
  const to = makeTempToRemove();
  cpSync(join(repository, 'package.json'), join(to, 'package.json'));
  const rolldown = join(repository, 'node_modules/rolldown/bin/cli.mjs');
  const ran = await run([process.execPath, rolldown, '-c', '-d', join(to, 'dist')], {
    cwd: repository,
    timeout: 60_000,
  });
  if (ran.code !== 0) throw new Error(`rolldown exited with ${ran.code}:\n${ran.stdout}${ran.stderr}`);
  project.provide('builtCli', join(to, 'dist/cli/main.js'));
  return () => removeTree(to);
}
