/** What every case is given: the tools, copies of the project and a place for its rows. */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildLibrary } from '../library.ts';
import { endAllAtExit } from './processes.ts';
import { type Builder, build, createProject, writeSources } from './project.ts';
import type { Row } from './results.ts';
import type { Place } from './session.ts';
import { findTools, type Job, type Tool, toTyped } from './tools.ts';

export interface Compare {
  readonly tools: readonly Tool[];
  readonly quick: boolean;
  /** A directory of this run's own, gone at its end. No name in its path begins with a dot: some tools ignore such. */
  readonly scratch: string;
  report(row: Row): void;
  /** Says how far it is. */
  say(line: string): void;
  /** The command lines that were used, by job, as they would be typed. */
  readonly typed: Map<string, readonly string[]>;
}

/** A case measures all tools that it is given, and reports its rows. */
export type Case = (bench: Compare) => Promise<void>;

export function openCompare(options: {
  readonly quick: boolean;
  readonly only: readonly string[] | undefined;
  report(row: Row): void;
}): Compare & { readonly skipped: readonly string[] } {
  if (process.platform !== 'linux') throw new Error('the processes of the tools are found by /proc: it needs Linux');
  const scratch = mkdtempSync(join(tmpdir(), 'distprint-compare-'));
  endAllAtExit(); // before its files are removed
  process.once('exit', () => rmSync(scratch, { recursive: true, force: true, maxRetries: 3 }));
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
  const dist = buildLibrary(join(scratch, 'ours', 'dist'));
  cpSync(new URL('../../package.json', import.meta.url), join(scratch, 'ours', 'package.json'));
  const { tools, skipped } = findTools(join(dist, 'cli/main.js'));
  const { quick, only, report } = options;
  const unknown = only?.find((name) => !tools.some((tool) => tool.name === name));
  if (unknown !== undefined)
    throw new Error(`--tool ${unknown}: there are ${tools.map(({ name }) => name).join(', ')}`);
  const asked = tools.filter(({ name }) => only === undefined || only.includes(name));
  const say = (line: string) => process.stderr.write(`${new Date().toTimeString().slice(0, 8)}  ${line}\n`);
  return { tools: asked, skipped, quick, scratch, report, say, typed: new Map() };
}

let places = 0;

/** A new place, with a copy of `from` where that is given. */
export function createPlace({ scratch }: Compare, from?: string): Place {
  const place = join(scratch, `place-${++places}`);
  const root = join(place, 'app');
  mkdirSync(root, { recursive: true });
  if (from !== undefined) cpSync(from, root, { recursive: true, preserveTimestamps: true });
  return { root, beside: join(place, 'beside') };
}

export const removePlace = ({ root }: Place): void =>
  rmSync(join(root, '..'), { recursive: true, force: true, maxRetries: 3 });

const built = new Map<string, Promise<string>>();

/** A project at release 1, built. */
export function getBuilt(bench: Compare, builder: Builder): Promise<string> {
  const { scratch, say } = bench;
  const make = async () => {
    say(`building the project with ${builder}`);
    const root = join(scratch, `built-by-${builder}`);
    createProject(root);
    writeSources(root, '1');
    await build(root, builder);
    return root;
  };
  const found = built.get(builder) ?? make();
  built.set(builder, found);
  return found;
}

/** Keeps the command lines for the page: of these tools, or of all. */
export function noteTyped({ typed, tools }: Compare, title: string, job: Job, of: readonly Tool[] = tools): void {
  const each = of.map((tool) => toTyped(tool, job));
  typed.set(title, each);
}

/** @throws where it fails, with what it printed */
export function must(file: string, words: readonly string[], cwd: string, env?: NodeJS.ProcessEnv): string {
  const options = { cwd, encoding: 'utf8', ...(env && { env }) } as const;
  const { status, stdout, stderr, error } = spawnSync(file, words, options);
  if (status === 0) return stdout;
  throw new Error(`${file} ${words[0]} failed (exit ${status}): ${error?.message ?? stderr}`);
}

/** Three tools at a time: each mostly waits, and the machine has at least two cores. */
export async function eachOfThree(tools: readonly Tool[], measure: (tool: Tool) => Promise<void>): Promise<void> {
  const left = [...tools];
  const work = async () => {
    for (let tool = left.shift(); tool !== undefined; tool = left.shift()) await measure(tool);
  };
  await Promise.all([work(), work(), work()]);
}
