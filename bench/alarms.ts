/**
 * `npm run bench:alarms`: how often `distprint bench --baseline` is wrong on a busy machine.
 *
 *   npm run bench:alarms                      100 runs of a build against a copy of itself, 20 against one with 20 % more files
 *   npm run bench:alarms -- --same 10 --slower 2
 *   npm run bench:alarms -- --load 0          with no load but the machine's own
 *   npm run bench:alarms -- --dist <dir>      with a compiled library as it is, without a build
 *
 * Meanwhile every core has a process that only counts. The targets: no alarm for the same build, and each slower one caught.
 *
 * Exit codes: 0, 1 a target is missed, 2 trouble.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { quantile } from '../src/cli/bench/measure.ts';
import type { Judgement, Report } from '../src/cli/bench/report.ts';
import { buildLibrary } from './library.ts';

const FILES = 1_000;
const FILES_EACH = 50;
/** 4 kB: about what the files of a package have. */
const TEXT = `${'export const answer = 42; // the same again'.padEnd(79)}\n`.repeat(50);

function writePackage(root: string, files: number): void {
  mkdirSync(root, { recursive: true });
  writeFileSync(join(root, 'package.json'), '{"name":"example","version":"1.0.0"}');
  for (let i = 0; i < files; i++) {
    const folder = join(root, 'dist', `part-${Math.floor(i / FILES_EACH)}`);
    if (i % FILES_EACH === 0) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `module-${i}.js`), `// ${i}\n${TEXT}`);
  }
}

/** It ends with its parent, however that ends. */
const COUNT = 'const parent = process.ppid; while (process.ppid === parent);';

const startLoad = (count: number): ChildProcess[] =>
  Array.from({ length: count }, () => spawn(process.execPath, ['-e', COUNT], { stdio: 'ignore' }));

interface Ran {
  readonly code: number | null;
  readonly report: Report;
  readonly seconds: number;
  /** Of the last minute. */
  readonly load: number;
}

function runBench(cli: string, head: string, base: string): Ran {
  const started = performance.now();
  const args = [cli, 'bench', head, '--baseline', base, '--quick', '--json'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (status !== 0 && status !== 1) throw new Error(`distprint bench exited with ${status}: ${stderr}`);
  const seconds = (performance.now() - started) / 1000;
  return { code: status, report: JSON.parse(stdout) as Report, seconds, load: loadavg()[0] as number };
}

const over = ({ report }: Ran) =>
  report.judged
    .filter((each: Judgement) => each.over)
    .map(({ what, value }) => `${what} ${value.toFixed(2)}`)
    .join(', ');

/** In turns, so that both meet the same weather. */
function runAll(counts: { same: number; slower: number }, run: (which: 'same' | 'slower') => Ran) {
  const ran = { same: [] as Ran[], slower: [] as Ran[] };
  const isDue = (which: 'same' | 'slower') => ran[which].length < counts[which];
  const share = (which: 'same' | 'slower') => ran[which].length / counts[which];
  while (isDue('same') || isDue('slower')) {
    const which = isDue('slower') && (!isDue('same') || share('slower') <= share('same')) ? 'slower' : 'same';
    const each = run(which);
    ran[which].push(each);
    console.log(
      `${which} ${ran[which].length}: ${each.seconds.toFixed(1)} s, load ${each.load.toFixed(1)}, ${each.report.verdict} ${over(each)}`,
    );
  }
  return ran;
}

/** The judged ratios of all runs. */
function describe(title: string, ran: readonly Ran[]): string {
  const lines = (['cold', 'beat', 'first'] as const).map((work) => {
    const values = ran.map(({ report }) => report.judged.find(({ what }) => what === work)?.value ?? Number.NaN);
    const shown = [0, 0.5, 1].map((q) => quantile(values, q).toFixed(2));
    return `  ${work}: judged ratio, least ${shown[0]}, median ${shown[1]}, most ${shown[2]}`;
  });
  const middle = (values: readonly number[]) => quantile(values, 0.5).toFixed(1);
  const seconds = middle(ran.map((each) => each.seconds));
  const load = middle(ran.map((each) => each.load));
  const alarms = ran.filter(({ code }) => code === 1).length;
  return [`${title}: ${alarms} alarms in ${ran.length} runs, ${seconds} s each, load average ${load}`, ...lines].join(
    '\n',
  );
}

function main(): number {
  const { values } = parseArgs({
    options: {
      same: { type: 'string', default: '100' },
      slower: { type: 'string', default: '20' },
      load: { type: 'string', default: String(availableParallelism()) },
      dist: { type: 'string' },
    },
  });
  const folder = mkdtempSync(join(tmpdir(), 'distprint-alarms-'));
  const load: ChildProcess[] = [];
  const end = () => {
    for (const child of load) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', end);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(2));
  const [base, same, slower] = ['base', 'same', 'more'].map((name) => join(folder, name)) as [string, string, string];
  writePackage(base, FILES);
  cpSync(base, same, { recursive: true });
  writePackage(slower, FILES * 1.2);
  const dist = values.dist === undefined ? buildLibrary(join(folder, 'dist')) : resolve(values.dist);
  const cli = join(dist, 'cli/main.js');
  load.push(...startLoad(Number(values.load)));
  const heads = { same, slower };
  const counts = { same: Number(values.same), slower: Number(values.slower) };
  const ran = runAll(counts, (which) => runBench(cli, heads[which], base));
  console.log(`\n${describe('the same build', ran.same)}\n${describe('20 % more files', ran.slower)}`);
  return ran.same.some(({ code }) => code === 1) || ran.slower.some(({ code }) => code === 0) ? 1 : 0;
}

try {
  process.exit(main());
} catch (error) {
  console.error(error instanceof Error ? `alarms: ${error.message}` : error);
  process.exit(2);
}
