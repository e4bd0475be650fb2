/** Real packages, and the fingerprint that each has on every platform. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

export const PACKAGES: readonly (readonly [spec: string, fingerprint: string])[] = [
  ['typescript@5.9.3', 'xxh64-f6bbd006353ed822'],
  ['n8n-workflow@2.41.0', 'xxh64-961ffc8cc7ad5bce'],
  ['commander@14.0.3', 'xxh64-569119efb7462ad1'],
  ['fast-glob@3.3.3', 'xxh64-b428c8f8e702314d'],
  ['valibot@1.5.0', 'xxh64-e1e43f3372da68a0'],
];

/** Where a package is unpacked in `folder`. */
export const toPackage = (folder: string, spec: string): string => join(folder, spec);

/** Fetches them from npm, each once. */
export function fetchPackages(folder: string): void {
  for (const [spec] of PACKAGES) {
    const to = toPackage(folder, spec);
    if (existsSync(to)) continue;
    const temporary = `${to}.new`;
    rmSync(temporary, { recursive: true, force: true });
    mkdirSync(temporary, { recursive: true });
    const shell = process.platform === 'win32'; // npm is a .cmd there
    const printed = execFileSync('npm', ['pack', '--silent', spec], { cwd: temporary, shell, encoding: 'utf8' });
    execFileSync('tar', ['-xzf', printed.trim()], { cwd: temporary });
    renameSync(join(temporary, 'package'), to);
    rmSync(temporary, { recursive: true });
  }
}
