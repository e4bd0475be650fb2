/**
 * `npm run bench`: what distprint costs, and whether the targets are met.
 *
 *   npm run bench                     everything
 *   npm run bench -- --quick          ratios only, fewer rounds, without `wake` and n8n-workflow: some two minutes once the corpora are cached
 *   npm run bench -- --check          exit 1 if a target is missed (results/claims.ts has the rule)
 *   npm run bench -- --check --known  the same, but known misses pass up to their ceilings (results/known-misses.ts)
 *   npm run bench -- --only beat      one of the suites below (repeatable)
 *   npm run bench -- --json           one JSON document instead of tables
 *   npm run bench -- --svg <file>     also draw what a beat costs (from the suites `beat` and `linear`)
 *   npm run bench -- --ratios <file>  also draw the ratios that have a target, by corpus (from `cold`, `beat` and `fresh`)
 *   npm run bench -- --dist <dir>     measure a compiled library as it is, without a build
 *
 * Exit codes: 0, 1 a target is missed (`--check`), 2 trouble.
 *
 * DISTPRINT_BENCH_SLOWDOWN=1.3 makes each measured beat 30 % slower, to see that `--check` notices (timing/slowdown.ts).
 */

import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { type Bench, openBench } from './context.ts';
import { drawBeats, toBeats } from './results/beat-picture.ts';
import { drawRatios, toRatios } from './results/ratio-picture.ts';
import { formatTable, isFailure, type Row, toNumber } from './results/table.ts';
import { benchBeat } from './suites/beat.ts';
import { benchCold } from './suites/cold.ts';
import { benchDropIn } from './suites/drop-in.ts';
import { benchFresh } from './suites/fresh.ts';
import { benchHandoff } from './suites/handoff.ts';
import { benchLinear } from './suites/linear.ts';
import { benchListening } from './suites/listening.ts';
import { benchMemory } from './suites/memory.ts';
import { benchMoved } from './suites/moved.ts';
import { benchOwn } from './suites/own.ts';
import { benchStall } from './suites/stall.ts';
import { benchWake } from './suites/wake.ts';

type Suite = (bench: Bench) => Promise<void> | void;

const SUITES: Record<string, readonly Suite[]> = {
  cold: [benchCold],
  memory: [benchMemory],
  beat: [benchBeat, benchOwn, benchStall, benchMoved],
  fresh: [benchFresh, benchDropIn],
  linear: [benchLinear],
  handoff: [benchHandoff],
  wake: [benchListening, benchWake],
};

/** Not in `--quick`, unless it is asked for. */
const LONG = 'wake';

/** These give times and shares, and no ratios: not for `--quick`. */
const TIMES: ReadonlySet<Suite> = new Set([benchOwn, benchStall, benchDropIn]);

interface Flags {
  quick: boolean;
  json: boolean;
  check: boolean;
  known: boolean;
  only: string[];
  dist: string | undefined;
  svg: string | undefined;
  ratios: string | undefined;
}

function parseFlags(): Flags {
  const { values } = parseArgs({
    options: {
      check: { type: 'boolean', default: false },
      known: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true },
      dist: { type: 'string' },
      svg: { type: 'string' },
      ratios: { type: 'string' },
    },
  });
  const only = values.only ?? Object.keys(SUITES).filter((name) => !(values.quick && name === LONG));
  const unknown = only.find((name) => !(name in SUITES));
  if (unknown === undefined) return { ...values, only, dist: values.dist, svg: values.svg, ratios: values.ratios };
  throw new Error(`--only ${unknown}: no such suite; there are ${Object.keys(SUITES).join(', ')}`);
}

async function main(): Promise<number> {
  const { quick, json, check, known, only, dist, svg, ratios } = parseFlags();
  const rows: Row[] = [];
  const bench = await openBench({ quick, dist }, (row) => rows.push(row));
  const seconds: Record<string, number> = {};
  for (const name of only) {
    const started = performance.now();
    for (const suite of SUITES[name] ?? []) {
      if (quick && TIMES.has(suite)) continue;
      const already = rows.length;
      await suite(bench);
      if (!json) printTables(rows.slice(already));
    }
    seconds[name] = Math.round((performance.now() - started) / 1000);
  }
  if (svg !== undefined) writeFileSync(svg, drawBeats(toBeats(rows)));
  if (ratios !== undefined) writeFileSync(ratios, drawRatios(toRatios(rows)));
  const failures = rows.filter((row) => isFailure(row, known));
  if (json) console.log(JSON.stringify({ machine: describeMachine(), quick, seconds, failures, rows }, null, 2));
  else printSummary(rows, failures, seconds);
  return check && failures.length > 0 ? 1 : 0;
}

function describeMachine() {
  const [cpu] = cpus();
  return {
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    cpu: cpu?.model,
    cores: cpus().length,
  };
}

function printTables(rows: readonly Row[]): void {
  for (const table of new Set(rows.map((row) => row.table))) {
    console.log(`\n## ${table}\n${formatTable(rows.filter((row) => row.table === table))}`);
  }
}

function printSummary(rows: readonly Row[], failures: readonly Row[], seconds: Record<string, number>): void {
  const spent = Object.entries(seconds).map(([name, count]) => `${name} ${count} s`);
  const outcome = failures.length === 0 ? 'no target missed' : `${failures.length} missed:`;
  console.log(`\n${rows.length} rows (${spent.join(', ')}); ${outcome}`);
  for (const { verdict, table, corpus, what, value, judged, target, note } of failures) {
    const figure = value === null ? '' : ` ${toNumber(value)}, judged ${toNumber(judged ?? value)}, target ${target}`;
    console.log(`  ${verdict}: ${table}, ${corpus}: ${what}${figure} (${note})`);
  }
}

try {
  // exit, not exitCode: a handle left open must not keep a finished bench running.
  process.exit(await main());
} catch (error) {
  console.error(error instanceof Error ? `bench: ${error.message}` : error);
  process.exit(2);
}
