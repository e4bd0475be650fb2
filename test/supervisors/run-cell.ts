/** One row of the matrix: a cell's scenarios, in order. */

import { it, type TestContext } from 'vitest';
import { inForm } from '../helpers/long.ts';
import { hasProgram, isRoot } from '../helpers/needs.ts';
import { type Cell, ground, makeCell, type Supervised } from './cell.ts';
import type { CellPlan } from './cells.ts';
import type { Runtime } from './ground.ts';
import { keyOf, NOT_TRIED, record } from './matrix.ts';
import { end, processesIn } from './processes.ts';
import {
  cannotStart,
  expectOne,
  killed,
  manyReleases,
  newRelease,
  openRunning,
  optedOut,
  overwrite,
  sameBytes,
  serving,
  stopped,
  underTheBreaker,
} from './scenarios.ts';

export type Place = (cell: Cell) => Supervised | Promise<Supervised>;

/** Whether these programs are here. Where not, stderr says so; with CI=true it is an error. */
export function hasAll(...programs: string[]): boolean {
  const missing = programs.filter((name) => !hasProgram(name));
  if (missing.length === 0) return true;
  if (process.env.CI === 'true') throw new Error(`needs ${missing.join(', ')}`);
  process.stderr.write(`skipped: needs ${missing.join(', ')}\n`);
  return false;
}

/** Namespaces, and the units in them, are root's to make. */
export function isRootHere(): boolean {
  if (!isRoot && process.env.CI === 'true') throw new Error('needs root');
  if (!isRoot) process.stderr.write('skipped: needs root\n');
  return isRoot;
}

const canRun = (runtime: Runtime): boolean =>
  runtime === 'compiled' ? ground.compiled['1.0.0'] !== undefined : ground.runtimes[runtime] !== undefined;

/** A runtime that can exec does there what it does under the plain unit or program. */
const isRepeat = ({ supervisor, runtime }: CellPlan) =>
  runtime === 'Node 26' && /NotifyAccess|PIDFile|autorestart=true/.test(supervisor);

/** The operators' files, on the runtimes that differ there. The other cells repeat their scenarios 1 and 2. */
const isShort = (plan: CellPlan) => (plan.isFull || plan.inARow !== undefined) && !isRepeat(plan);

/** A test a cell. */
export function runCells<Plan extends CellPlan>(plans: readonly Plan[], placeOf: (plan: Plan) => Place): void {
  for (const plan of inForm('cells', plans, isShort)) {
    it.skipIf(!canRun(plan.runtime)).concurrent(keyOf(plan), (context) => runCell(plan, placeOf(plan), context));
  }
}

async function runCell(plan: CellPlan, place: Place, context: TestContext): Promise<void> {
  const { supervisor, runtime, isFull, inARow, withBreaker, seeds } = plan;
  const start = async (options?: Parameters<typeof makeCell>[1]) => {
    const [cell, at] = await placeCell(runtime, place, context, options);
    await at.start();
    await serving(cell, '1.0.0');
    await expectOne(cell, at);
    return [cell, at] as const;
  };

  const basic = async () => {
    const [cell, at] = await start();
    const opened = runtime === 'compiled' ? await openRunning(cell) : undefined;
    const same = await sameBytes(cell, at);
    const { strategy, outcome, children, child, gapMs } = await newRelease(cell, at);
    const over = opened && `; overwrite: ${opened} while it runs, else ${await overwrite(cell, at, [child])}`;
    const broken = isFull && strategy !== 'none' ? await cannotStart(cell, at, [child]) : NOT_TRIED;
    await stopped(cell, at);
    if (strategy === 'none') {
      await at.start();
      await serving(cell, '2.0.0');
      await stopped(cell, at);
    }
    return { strategy, same, release: outcome + (over ?? ''), children, broken, gapMs };
  };
  const optOut = async () => (isFull ? optedOut(...(await placeCell(runtime, place, context))) : NOT_TRIED);
  const row = async () => {
    if (inARow === undefined) return NOT_TRIED;
    const [cell, at] = await start();
    const outcome = await manyReleases(cell, at, inARow.step, ground.many.slice(0, inARow.count));
    await stopped(cell, at);
    return outcome;
  };
  const breaker = async () => {
    if (!withBreaker) return NOT_TRIED;
    const [cell, at] = await start({});
    const outcome = await underTheBreaker(cell, at, ground.many.slice(0, 5));
    await stopped(cell, at);
    return outcome;
  };
  const ends = async () => {
    if (seeds === undefined) return NOT_TRIED;
    const [cell, at] = await start();
    const outcome = await killed(cell, at as Required<Supervised>, seeds);
    await stopped(cell, at);
    return outcome;
  };
  const parts = [basic(), optOut(), row(), breaker(), ends()] as const; // each in a runner of its own
  await Promise.allSettled(parts); // when one fails, the others still come to their end
  const [{ gapMs, ...came }, optedOutcome, many, broke, endsOutcome] = await Promise.all(parts);
  const rows = [many, broke].filter((outcome) => outcome !== NOT_TRIED).join('; ') || NOT_TRIED;
  record(ground.folder, { supervisor, runtime, ...came, optOut: optedOutcome, row: rows, killed: endsOutcome }, gapMs);
}

/** A cell that is gone when the test is over. */
async function placeCell(
  runtime: Runtime,
  place: Place,
  { onTestFinished }: TestContext,
  options?: Parameters<typeof makeCell>[1],
): Promise<[Cell, Supervised]> {
  const cell = await makeCell(runtime, options);
  const at = await place(cell);
  onTestFinished(async ({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(`${cell.name}:\n${await at.log().catch(String)}\n`);
    await at.stop().catch(() => {});
    for (const { pid } of processesIn(cell.folder)) end(pid);
    await at.end?.();
  });
  return [cell, at];
}
