/** What the storm stands on, made once: packed releases of the job server, sound and broken ones, and the runtimes. */

import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { install, openWorkshop, packRelease, packReleases, type Release } from '../../fixtures/releases.ts';
import { fetchBun, fetchNode } from '../e2e/tools.ts';
import { firstSeed } from '../helpers/seed.ts';
import { removeTree } from '../helpers/temp-dir.ts';
import { compile, copyRuntimes, type Ground, makeFolder, releaseFile } from '../supervisors/ground.ts';

export const FAULTS = {
  'throws at import': "throw new Error('this release can not start');",
  'hangs before it listens': 'fault.beforeListen = () => new Promise(() => setInterval(() => {}, 1_000));',
  'hangs before it is ready': 'fault.beforeReady = () => new Promise(() => setInterval(() => {}, 1_000));',
  'dies a second after it is ready': 'fault.afterReady = () => setTimeout(() => process.exit(1), 1_000);',
} as const;
export type Fault = keyof typeof FAULTS;

const toFile = (fault: string) => `export const fault = {};\n${fault}\n`;

/** Sound ones, in order. */
export const VERSIONS = ['1.0.0', '1.0.1', '1.0.2', '1.0.3'] as const;
const FAULTY = Object.keys(FAULTS).map((name, i) => [`9.0.${i}`, name as Fault] as const);
/** By fault: the version of the release that has it. */
export const versionOf = (fault: Fault): string => FAULTY.find(([, name]) => name === fault)?.[0] as string;

declare module 'vitest' {
  interface ProvidedContext {
    /** By version. */
    releases: Record<string, Release>;
    /** One for all files. */
    seed: number;
  }
}

export default async function setup(project: TestProject): Promise<() => void> {
  const folder = makeFolder();
  process.stderr.write(`storm: seed ${firstSeed}; DISTPRINT_SEED=${firstSeed} draws the same again\n`);
  project.provide('seed', firstSeed);
  try {
    await prepare(project, folder);
  } catch (error) {
    removeTree(folder);
    throw error;
  }
  return () => removeTree(folder);
}

async function prepare(project: TestProject, folder: string): Promise<void> {
  const workshop = openWorkshop(join(folder, 'workshop'), 'job-server');
  const sound = packReleases(workshop, VERSIONS);
  const broken = FAULTY.map(([version, fault]) => packRelease(workshop, version, { fault: toFile(FAULTS[fault]) }));
  const [first, second] = sound as [Release, Release];
  const template = join(folder, 'template');
  install(template, workshop, first);
  const runtimes = copyRuntimes(folder, {
    'Node 20': fetchNode('20'),
    'Node 22': fetchNode('22'),
    'Node 24': fetchNode('24'),
    'Node 26': fetchNode('26'),
    Bun: fetchBun(),
  });
  const compiled = await compile(folder, template, runtimes.Bun, 'job-server', {
    ...Object.fromEntries(VERSIONS.map((version) => [version, releaseFile(version)])),
    ...Object.fromEntries(
      FAULTY.map(([version, fault]) => [version, { ...releaseFile(version), 'fault.js': toFile(FAULTS[fault]) }]),
    ),
  });
  const releases = { '1.0.0': first, '2.0.0': second, broken: broken[0] as Release };
  const ground: Ground = { folder, template, releases, many: sound, runtimes, compiled };
  project.provide('ground', ground);
  project.provide('releases', Object.fromEntries([...sound, ...broken].map((release) => [release.version, release])));
}
