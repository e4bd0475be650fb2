/**
 * What all cells stand on, made once: packed releases, a folder in which one is installed, runtimes, compiled executables. And at the end, the matrix.
 */

import { cpSync, mkdirSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import {
  type Fixture,
  install,
  openWorkshop,
  packRelease,
  packReleases,
  type Release,
  scriptIn,
} from '../../fixtures/releases.ts';
import { fetchBun, fetchNode } from '../e2e/tools.ts';
import { isLong } from '../helpers/long.ts';
import { repository, run } from '../helpers/run.ts';
import { removeTree } from '../helpers/temp-dir.ts';
import { finishMatrix } from './matrix.ts';

export const RUNTIMES = ['Node 20', 'Node 26', 'Bun', 'compiled'] as const;
export type Runtime = (typeof RUNTIMES)[number] | 'Node 22' | 'Node 24';

export interface Ground {
  readonly folder: string;
  /** An app folder with release 1.0.0 installed, to be copied. */
  readonly template: string;
  readonly releases: Record<'1.0.0' | '2.0.0' | 'broken', Release>;
  /** Many more, for upgrades in a row. */
  readonly many: readonly Release[];
  /** Executables, in `folder`; without those that can't be had here. */
  readonly runtimes: Partial<Record<Exclude<Runtime, 'compiled'>, string>>;
  /** Executables that Bun made, by release. Empty without Bun. */
  readonly compiled: Record<string, string>;
}

declare module 'vitest' {
  interface ProvidedContext {
    ground: Ground;
  }
}

const BROKEN = "throw new Error('this release can not start');\nexport const fault = {};\n";

export default async function setup(project: TestProject): Promise<() => void> {
  const folder = makeFolder();
  try {
    project.provide('ground', await prepare(folder));
  } catch (error) {
    removeTree(folder);
    throw error;
  }
  return () => {
    try {
      finishMatrix(folder);
    } finally {
      removeTree(folder);
    }
  };
}

/** Visible inside the sandbox too, which lays an empty /tmp and /run over the machine's (systemd.ts). */
export function makeFolder(): string {
  const isHidden = /^\/(?:tmp|run)\//.test(realpathSync(repository));
  const parent = isHidden ? join(homedir(), '.cache/distprint-supervisors') : join(repository, '.cache/supervisors');
  mkdirSync(parent, { recursive: true });
  return mkdtempSync(join(parent, 'run-'));
}

/** Releases, where there are most of them. */
export const IN_A_ROW = isLong ? 20 : 8;

async function prepare(folder: string): Promise<Ground> {
  const workshop = openWorkshop(join(folder, 'workshop'));
  const releases = {
    '1.0.0': packRelease(workshop, '1.0.0'),
    '2.0.0': packRelease(workshop, '2.0.0'),
    broken: packRelease(workshop, '3.0.0', { fault: BROKEN }),
  };
  const many = packReleases(
    workshop,
    Array.from({ length: IN_A_ROW }, (_, i) => `4.0.${i}`),
  );
  const template = join(folder, 'template');
  install(template, workshop, releases['1.0.0']);
  const runtimes = copyRuntimes(folder, { 'Node 20': fetchNode('20'), 'Node 26': fetchNode('26'), Bun: fetchBun() });
  const compiled = await compile(folder, template, runtimes.Bun, 'runner', {
    '1.0.0': releaseFile('1.0.0'),
    '2.0.0': releaseFile('2.0.0'),
    broken: { 'fault.js': BROKEN },
  });
  return { folder, template, releases, many, runtimes, compiled };
}

/** Each in a folder of its own. */
export function copyRuntimes(
  folder: string,
  found: Partial<Record<keyof Ground['runtimes'], string | undefined>>,
): Ground['runtimes'] {
  mkdirSync(join(folder, 'runtimes'));
  const runtimes: Ground['runtimes'] = {};
  for (const [name, file] of Object.entries(found) as [keyof typeof found, string | undefined][]) {
    if (file === undefined) continue;
    const place = join(folder, 'runtimes', name.toLowerCase().replace(' ', '-'));
    mkdirSync(place);
    // pm2 tells a runtime by the end of its path.
    runtimes[name] = join(place, name === 'Bun' ? 'bun' : 'node');
    cpSync(file, runtimes[name]);
  }
  return runtimes;
}

export const releaseFile = (version: string) => ({ 'release.js': `export const RELEASE = '${version}';\n` });

/** Executables by name. @param changes what each has in its `dist` that the template has not, one after the other */
export async function compile(
  folder: string,
  template: string,
  bun: string | undefined,
  fixture: Fixture,
  changes: Record<string, Record<string, string>>,
): Promise<Record<string, string>> {
  const made: Record<string, string> = {};
  if (bun === undefined) return made;
  const app = join(folder, 'compiled');
  cpSync(template, app, { recursive: true, verbatimSymlinks: true });
  // Bun heeds the nearest tsconfig.json, and this repository's leads to the sources.
  writeFileSync(join(app, 'tsconfig.json'), '{}');
  const script = scriptIn(app, fixture);
  for (const [name, files] of Object.entries(changes)) {
    for (const [file, content] of Object.entries(files)) writeFileSync(join(script, '..', file), content);
    made[name] = join(app, name, 'runner'); // its own name stands in its argv
    const { code, stderr } = await run([bun, 'build', '--compile', script, '--outfile', made[name]], {
      timeout: 60_000,
    });
    if (code !== 0) throw new Error(`bun build --compile: ${stderr}`);
  }
  return made;
}
