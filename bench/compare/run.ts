/**
 * `npm run compare`: distprint run beside the tools that do a like job, on one real project.
 *
 *   npm run compare                        everything
 *   npm run compare -- --quick             fewer rounds: to see that it works, not to quote
 *   npm run compare -- --case latency      one of the cases below (repeatable)
 *   npm run compare -- --tool nodemon      one of the tools (repeatable)
 *   npm run compare -- --write             writes docs/compare.md; with --case, those rows of it
 *   npm run compare -- --json              one JSON document instead of tables
 *
 * Exit codes: 0, 1 ours misses a target, 2 trouble.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runStages } from './acts.ts';
import { benchBroken } from './cases/broken.ts';
import { benchIdle } from './cases/idle.ts';
import { benchLatency } from './cases/latency.ts';
import { benchListen } from './cases/listen.ts';
import { benchShell } from './cases/shell.ts';
import { type Case, openCompare } from './context.ts';
import { describeRun, formatTables, toPage, updatePage } from './page.ts';
import type { Row } from './results.ts';
import { getStages } from './stages.ts';

/** First, while the machine is still as quiet as it was found. */
const TIMED: Readonly<Record<string, Case>> = { latency: benchLatency, idle: benchIdle };

/** These share sessions: stages.ts. */
const ACTS = [
  'touched',
  'rsynced',
  'checked-out',
  'regenerated',
  'rebuilt',
  'new-build',
  'installed',
  'half-installed',
];

const COUNTED: Readonly<Record<string, Case>> = { broken: benchBroken, listen: benchListen, shell: benchShell };

const PAGE = new URL('../../docs/compare.md', import.meta.url);

function parseFlags() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      case: { type: 'string', multiple: true },
      tool: { type: 'string', multiple: true },
    },
  });
  const names = [...Object.keys(TIMED), ...ACTS, ...Object.keys(COUNTED)];
  const unknown = values.case?.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`--case ${unknown}: there are ${names.join(', ')}`);
  if (values.write && values.tool !== undefined) {
    throw new Error('--write: the page shows all tools; leave --tool out');
  }
  return values;
}

async function main(): Promise<number> {
  const { quick, write, json, case: cases, tool: only } = parseFlags();
  const rows: Row[] = [];
  const bench = openCompare({ quick, only, report: (row) => rows.push(row) });
  for (const reason of bench.skipped) bench.say(`skipped: ${reason}`);
  const runAll = async (all: Readonly<Record<string, Case>>) => {
    for (const [name, run] of Object.entries(all)) if (cases === undefined || cases.includes(name)) await run(bench);
  };
  await runAll(TIMED);
  await runStages(bench, getStages(bench, cases));
  await runAll(COUNTED);
  const about = describeRun(bench);
  const rewrite = (names: readonly string[]) => {
    const own = rows.filter(({ of }) => names.includes(of)); // others sum up all cases
    return updatePage(readFileSync(PAGE, 'utf8'), bench, own, about);
  };
  if (write) writeFileSync(PAGE, cases === undefined ? toPage(bench, rows, about) : rewrite(cases));
  const missed = rows.filter(({ isMet }) => isMet === false);
  if (json) console.log(JSON.stringify({ about, rows, missed }, null, 2));
  else console.log(formatTables(bench, rows, missed));
  return missed.length > 0 ? 1 : 0;
}

try {
  // exit, not exitCode: a handle left open must not keep a finished run.
  process.exit(await main());
} catch (error) {
  console.error(error instanceof Error ? `compare: ${error.message}` : error);
  process.exit(2);
}
