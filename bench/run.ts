/**
 * `npm run bench`: how fast, how cheap, and whether the targets are met.
 *
 *   npm run bench                     everything
 *   npm run bench -- --quick          fewer rounds: 90 s at most once the corpora are cached
 *   npm run bench -- --check          exit 1 where a target is missed (claims.ts says by which rule)
 *   npm run bench -- --only beat      one of the suites below (repeatable)
 *   npm run bench -- --json           one JSON document instead of tables
 *   npm run bench -- --dist <dir>     measure a compiled library as it is, without a build
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
};

const { values: flags } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    dist: { type: 'string' },
  },
});

const names = flags.only ?? Object.keys(SUITES);
for (const name of names) {
  if (!(name in SUITES)) throw new Error(`--only ${name}: no such suite; there are ${Object.keys(SUITES).join(', ')}`);
}

const rows: Row[] = [];
const started = performance.now();
const bench = await openBench({ quick: flags.quick, dist: flags.dist }, (row) => rows.push(row));
const spent: Record<string, number> = {};
for (const name of names) {
  const before = performance.now();
  for (const suite of SUITES[name] ?? []) {
    const already = rows.length;
    await suite(bench);
    if (!flags.json) printTables(rows.slice(already));
  }
  spent[name] = Math.round((performance.now() - before) / 1000);
}

const failures = rows.filter(isFailure);
const seconds = Math.round((performance.now() - started) / 1000);
if (flags.json) {
  const machine = {
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    cpu: cpus()[0]?.model,
    cores: cpus().length,
  };
  console.log(
    JSON.stringify({ machine, quick: flags.quick, seconds, spent, failures: failures.length, rows }, null, 2),
  );
} else {
  const parts = Object.entries(spent).map(([name, s]) => `${name} ${s}`);
  const outcome = failures.length === 0 ? 'nothing to fail for' : `${failures.length} to fail for:`;
  console.log(`\n${rows.length} rows in ${seconds} s (${parts.join(', ')}); ${outcome}`);
  for (const { verdict, table, corpus, what, value, target, note } of failures) {
    const figure = value === null ? '' : ` ${toNumber(value)}, target ${target}`;
    console.log(`  ${verdict}: ${table}, ${corpus}: ${what}${figure} (${note})`);
  }
}
// Not process.exitCode alone: a handle that someone left open must not keep a finished bench running.
process.exit(flags.check && failures.length > 0 ? 1 : 0);

function printTables(some: readonly Row[]): void {
  for (const table of new Set(some.map((row) => row.table))) {
    console.log(`\n## ${table}\n${formatTable(some.filter((row) => row.table === table))}`);
  }
}
