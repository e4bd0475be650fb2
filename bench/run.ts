/**
 * `npm run bench`: how fast, how cheap, and whether the targets are met.
 *
 *   npm run bench                     everything
 *   npm run bench -- --quick          ratios only, of fewer rounds, and not `handoff`: 90 s at most once the corpora are cached
 *   npm run bench -- --check          exit 1 where a target is missed (claims.ts says by which rule)
 *   npm run bench -- --check --known  the same, but for the misses of known-misses.ts, up to their ceilings
 *   npm run bench -- --only beat      one of the suites below (repeatable)
 *   npm run bench -- --json           one JSON document instead of tables
 *   npm run bench -- --dist <dir>     measure a compiled library as it is, without a build
 *
 * Exit codes: 0, 1 a target is missed (`--check`), 2 trouble.
 *
 * DISTPRINT_BENCH_SLOWDOWN=1.3 makes every measured beat take 30 % longer, to see that `--check` notices (beat.ts).
 */

import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { benchBeat } from './beat.ts';
import { benchCold } from './cold.ts';
import { type Bench, openBench } from './context.ts';
import { benchDropIn } from './drop-in.ts';
import { benchFresh } from './fresh.ts';
import { benchHandoff } from './handoff.ts';
import { benchLinear } from './linear.ts';
import { benchMemory } from './memory.ts';
import { benchMoved } from './moved.ts';
import { benchStall } from './stall.ts';
import { formatTable, isFailure, type Row, toNumber } from './table.ts';

type Suite = (bench: Bench) => Promise<void> | void;

const SUITES: Record<string, readonly Suite[]> = {
  cold: [benchCold],
  memory: [benchMemory],
  beat: [benchBeat, benchStall, benchMoved],
  fresh: [benchFresh, benchDropIn],
  linear: [benchLinear],
  handoff: [benchHandoff],
};

/** What gives times and no ratios is not for `--quick`. */
const TIMES: ReadonlySet<Suite> = new Set([benchStall, benchDropIn]);

interface Flags {
  quick: boolean;
  json: boolean;
  check: boolean;
  known: boolean;
  only: string[];
  dist: string | undefined;
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
    },
  });
  const only = values.only ?? Object.keys(SUITES).filter((name) => !(values.quick && name === 'handoff'));
  const unknown = only.find((name) => !(name in SUITES));
  if (unknown === undefined) return { ...values, only, dist: values.dist };
  throw new Error(`--only ${unknown}: no such suite; there are ${Object.keys(SUITES).join(', ')}`);
}

async function main(): Promise<number> {
  const { quick, json, check, known, only, dist } = parseFlags();
  const rows: Row[] = [];
  const bench = await openBench({ quick, known, dist }, (row) => rows.push(row));
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
  const outcome = failures.length === 0 ? 'nothing to fail for' : `${failures.length} to fail for:`;
  console.log(`\n${rows.length} rows (${spent.join(', ')}); ${outcome}`);
  for (const { verdict, table, corpus, what, value, target, note } of failures) {
    const figure = value === null ? '' : ` ${toNumber(value)}, target ${target}`;
    console.log(`  ${verdict}: ${table}, ${corpus}: ${what}${figure} (${note})`);
  }
}

try {
  // Not process.exitCode: a handle that someone left open must not keep a finished bench running.
  process.exit(await main());
} catch (error) {
  console.error(error instanceof Error ? `bench: ${error.message}` : error);
  process.exit(2);
}
