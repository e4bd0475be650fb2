/**
 * A program with distprint installed in it as users install it, and as HAPI's runner would use it: it runs for long,
 * and says on request what `getInstalledCliMtimeMs()` returns.
 */

import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { inject, onTestFinished } from 'vitest';
import { inForm } from '../helpers/long.ts';
import { makeTemp, makeTempToRemove } from '../helpers/temp.ts';

/** A line of standard input is a request. With an argument, it watches that directory instead, and says when it changed. */
const SOURCE = `
import { createInterface } from 'node:readline';
import { createDetector, startHeartbeat } from 'distprint';
import { getInstalledCliMtimeMs } from 'distprint/drop-in';
import { release } from './release.js';

const say = (what) => console.log(JSON.stringify(what));
const runtime = process.versions.bun === undefined ? \`Node \${process.versions.node.split('.')[0]}\` : 'Bun';
const directory = process.argv[2];
if (directory !== undefined) {
  const detector = createDetector({ path: directory });
  startHeartbeat({ detector, intervalMs: 20, onChanged: ({ fingerprint }) => say({ changed: fingerprint }) });
  say({ check: (await detector.check()).verdict, checkSync: detector.checkSync().verdict });
}
for await (const line of createInterface({ input: process.stdin })) say({ token: getInstalledCliMtimeMs() ?? null, runtime, release });
`;

/** The oldest Node and the newest, and in the long form those between. */
export const MAJORS = inForm('Nodes', ['20', '22', '24', '26'] as const, (major) => major === '20' || major === '26');

/** A directory of its own with `node_modules/distprint`, packed and installed with npm. The caller removes it. */
export function copyInstalled(): string {
  const project = makeTempToRemove();
  cpSync(inject('installed'), project, { recursive: true });
  return project;
}

export interface Host {
  readonly project: string;
  readonly root: string;
  /** The link to the entry script that a package manager would make. */
  readonly bin: string;
}

/** A project of its own, with distprint and a package `host` installed in it. */
export function makeHost(entry = 'host.js'): Host {
  const project = makeTemp();
  cpSync(inject('installed'), project, { recursive: true });
  const root = join(project, 'node_modules/host');
  mkdirSync(join(root, 'dist'), { recursive: true });
  const bin = join(project, 'node_modules/.bin/host');
  writeFileSync(
    join(root, 'package.json'),
    JSON.stringify({ name: 'host', version: '1.0.0', type: 'module', bin: `dist/${entry}` }),
  );
  writeFileSync(join(root, 'dist', entry), SOURCE);
  writeRelease(root, 1);
  symlinkSync(`../host/dist/${entry}`, bin);
  return { project, root, bin };
}

/** All releases have the same size. */
export const writeRelease = (root: string, release: number): void =>
  writeFileSync(join(root, 'dist/release.js'), `export const release = ${release};\n`);

export function touchAll(directory: string): void {
  const now = new Date();
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' }))
    utimesSync(join(directory, name), now, now);
  utimesSync(directory, now, now);
}

export interface Running {
  /** What runs it, and which release of it was loaded. */
  whoAmI(): Promise<unknown>;
  /** What `getInstalledCliMtimeMs()` returns in it now; null for undefined. */
  token(): Promise<unknown>;
  /** The next thing that it says. */
  next(): Promise<Record<string, unknown>>;
  /** Ends its input; resolves with its exit code. */
  end(): Promise<number | null>;
}

/** Starts it. What it writes to stderr, or that it ends early, fails the test at the next answer. */
export function start(command: readonly string[], cwd: string): Running {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { cwd, env: { ...process.env, NODE_OPTIONS: '' } });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let stderr = '';
  child.stderr.on('data', (bytes: Buffer) => {
    stderr += bytes;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done || stderr !== '') throw new Error(`${command.join(' ')} said ${value}: ${stderr}`);
    return JSON.parse(value);
  };
  const ask = () => {
    child.stdin.write('\n');
    return next();
  };
  return {
    next,
    async whoAmI() {
      const { runtime, release } = await ask();
      return { runtime, release };
    },
    token: async () => (await ask()).token,
    end() {
      child.stdin.end();
      return ended;
    },
  };
}
