/** Releases of the project, beside what is watched. */

import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanEnv, NPM_OPTIONS } from '../../fixtures/releases.ts';
import { type Compare, createPlace, getBuilt, must } from './context.ts';
import { build, writeSources } from './project.ts';

/** The project without its repository. */
export function copyProject(from: string, to: string): string {
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, { recursive: true, filter: (path) => !path.endsWith('/.git') });
  return to;
}

export const nextRelease = (release: string) => String(Number(release) + 1);

const packed = new Map<string, Promise<string>>();

/** The tarball of a release. */
export function getTarball(bench: Compare, release: string): Promise<string> {
  const make = async () => {
    bench.say(`packing release ${release}`);
    const { root } = createPlace(bench, await getBuilt(bench, 'esbuild'));
    writeSources(root, release);
    await build(root, 'esbuild');
    const fields = { name: 'server', version: `${release}.0.0`, type: 'module', files: ['dist'] };
    writeFileSync(join(root, 'package.json'), JSON.stringify(fields));
    const words = ['pack', '--ignore-scripts', '--loglevel', 'error', '--pack-destination', bench.scratch];
    return join(bench.scratch, must('npm', words, root, cleanEnv).trim().split('\n').at(-1) as string);
  };
  const found = packed.get(release) ?? make();
  packed.set(release, found);
  return found;
}

/** An application in which release 1 is installed. */
export async function getInstalled(bench: Compare): Promise<string> {
  installed ??= (async () => {
    const { root } = createPlace(bench);
    writeFileSync(join(root, 'package.json'), '{"private": true}');
    must('npm', toInstall(await getTarball(bench, '1')), root, cleanEnv);
    return root;
  })();
  return installed;
}

let installed: Promise<string> | undefined;

export const toInstall = (tarball: string): string[] => ['install', ...NPM_OPTIONS, tarball];
