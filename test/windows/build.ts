/** Bundles the sources once for all tests: on Windows each module that is opened costs. */

import { cpSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { bundle } from '../../fixtures/releases.ts';
import { repository } from '../helpers/run.ts';
import { makeTempToRemove, removeTree } from '../helpers/temp-dir.ts';

export default async function setup(project: TestProject): Promise<() => void> {
  const to = makeTempToRemove();
  cpSync(join(repository, 'package.json'), join(to, 'package.json'));
  bundle(join(to, 'dist'));
  project.provide('builtCli', join(to, 'dist/cli/main.js'));
  return () => removeTree(to);
}
