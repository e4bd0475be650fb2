/** Real packages, and the fingerprint that each has on every platform. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
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

/** The versions of a package of our own, with a command that says the token of what is installed. */
export const SAMPLES = ['1.0.0', '2.0.0'] as const;
const PROGRAM =
  '#!/usr/bin/env node\nconst { getInstalledCliMtimeMs } = await import(process.env.DROP_IN);\nconsole.log(getInstalledCliMtimeMs());\n';

export function packSamples(folder: string): void {
  for (const version of SAMPLES) {
    const source = join(folder, `sample-${version}`);
    mkdirSync(join(source, 'dist'), { recursive: true });
    const fields = { name: 'sample', version, type: 'module', bin: { sample: 'dist/cli.js' } };
    writeFileSync(join(source, 'package.json'), JSON.stringify(fields));
    writeFileSync(join(source, 'dist/cli.js'), PROGRAM);
    for (let i = 0; i < 40; i++) writeFileSync(join(source, `dist/${i}.js`), `${version} ${i}`);
    npm(folder, 'pack', source);
  }
}

function npm(cwd: string, ...args: string[]): string {
  const shell = process.platform === 'win32'; // npm is a .cmd there
  return execFileSync('npm', [...args, '--silent'], { cwd, shell, encoding: 'utf8' }).trim();
}

/** Fetches them from npm, each once. */
export function fetchPackages(folder: string): void {
  for (const [spec] of PACKAGES) {
    const to = toPackage(folder, spec);
    if (existsSync(to)) continue;
    const temporary = `${to}.new`;
    rmSync(temporary, { recursive: true, force: true });
    mkdirSync(temporary, { recursive: true });
    execFileSync('tar', ['-xzf', npm(temporary, 'pack', spec)], { cwd: temporary });
    renameSync(join(temporary, 'package'), to);
    rmSync(temporary, { recursive: true });
  }
}
