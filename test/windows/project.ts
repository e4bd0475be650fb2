/** A copy of this project for Windows: the same sources and tests, with the Windows builds of the tools. */

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../helpers/run.ts';

const PARTS = [
  'src',
  'test',
  'fixtures',
  'schemas',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'rolldown.config.js',
  'vitest.windows.config.ts',
];

export function copyProject(to: string): void {
  const lock = (folder: string) => readFileSync(join(folder, 'package-lock.json'), 'utf8');
  const isInstalled = existsSync(join(to, 'node_modules/.package-lock.json')) && lock(to) === lock(repository);
  mkdirSync(to, { recursive: true });
  for (const part of PARTS) {
    rmSync(join(to, part), { recursive: true, force: true });
    cpSync(join(repository, part), join(to, part), { recursive: true });
  }
  if (isInstalled) return;
  console.log('installing the Windows builds of the tools');
  execFileSync('npm', ['ci', '--os=win32', '--cpu=x64', '--ignore-scripts', '--no-audit', '--no-fund', '--silent'], {
    cwd: to,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
