/**
 * Acts on what is watched, in a session that goes on from one to the next: how often each tool restarts, and what it serves in the end.
 * A session in which a tool does not serve what is on disk is given up, and the next act has a new one.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Compare, createPlace, eachOfThree, noteTyped, removePlace } from './context.ts';
import { routeFile } from './project.ts';
import { type Cell, firstLine, type Row, toCells, unable } from './results.ts';
import { type Note, type Place, type Session, untilQuiet, untilServed, warmUp, withTool } from './session.ts';
import { type Job, OURS, type Tool, toLaunched } from './tools.ts';

export interface Act {
  /** For `--case`. */
  readonly name: string;
  readonly what: string;
  /** How often ours is to restart. */
  readonly target: 0 | 1;
  /**
   * Does it.
   * @param release what is on disk
   * @returns what is on disk then; or that, and what happened where it counts only a part of the time
   */
  run(session: Session, release: string): Promise<string | Meanwhile>;
}

export interface Meanwhile {
  readonly release: string;
  readonly restarts: number;
  /** Whether nobody answered at the end of that time. */
  readonly isDown: boolean;
}

/** Acts that share sessions. */
export interface Stage {
  /** Where more than one stage has the same act: which of them this is, for its part of the cell. */
  readonly name: string;
  readonly job: Job;
  /** A project at release 1, which is copied. */
  prepare(): Promise<string>;
  /** For so many milliseconds nothing may start before it counts as over: longer than any tool waits by default. */
  readonly quietMs: number;
  readonly acts: readonly Act[];
}

/** What one tool did in one act. */
export interface Part {
  readonly restarts: number;
  /** Null: nobody answered. */
  readonly served: string | null;
  readonly disk: string;
  /** Whether it restarted for the change before all acts. */
  readonly sees: boolean;
  /** Whether nobody answered in between. */
  readonly isDown: boolean;
  /** How often what it started loaded modules of two releases, or could not load all. */
  readonly torn: number;
}

export type Outcome = Part | { readonly trouble: string };

export async function runStages(bench: Compare, stages: readonly Stage[]): Promise<void> {
  const acts = new Map(stages.flatMap((stage) => stage.acts.map((act) => [act.name, act] as const)));
  const parts = new Map<string, Outcome[]>();
  for (const stage of stages) {
    noteTyped(bench, stage.job.kind, stage.job);
    await eachOfThree(bench.tools, async (tool) => {
      for (const [name, outcome] of await runStage(bench, tool, stage)) {
        const key = `${name} ${tool.name}`;
        parts.set(key, [...(parts.get(key) ?? []), outcome]);
        bench.say(`${stage.name}: ${tool.name}: ${name}: ${sayOutcome(outcome)}`);
      }
    });
  }
  for (const act of acts.values()) {
    bench.report(toRow(act, bench.tools, (tool) => parts.get(`${act.name} ${tool}`) ?? []));
  }
  const partsOf = (tool: string) => [...acts.keys()].flatMap((name) => parts.get(`${name} ${tool}`) ?? []);
  if (acts.size > 0) bench.report(toTornRow(bench.tools, partsOf));
}

function toTornRow(tools: readonly Tool[], partsOf: (tool: string) => Outcome[]): Row {
  const count = (tool: string) => partsOf(tool).reduce((sum, part) => sum + ('torn' in part ? part.torn : 0), 0);
  return {
    of: 'torn',
    table: 'Restarts',
    what: 'starts in all of these that loaded modules of two releases, or missed some',
    target: '0',
    cells: toCells(tools, ({ name }) => ({ text: String(count(name)), value: count(name) })),
    isMet: partsOf(OURS).length === 0 ? null : count(OURS) === 0,
  };
}

async function runStage(bench: Compare, tool: Tool, stage: Stage): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  const template = await stage.prepare();
  for (let next = 0; next < stage.acts.length; ) {
    const place = createPlace(bench, template);
    const left = stage.acts.slice(next);
    try {
      await withTool(tool, stage.job, place, async (session) => {
        next += await runActs(session, place, stage, left, outcomes);
      });
    } catch (error) {
      const act = left.find(({ name }) => !outcomes.has(name));
      if (act === undefined) throw error;
      outcomes.set(act.name, { trouble: firstLine(error as Error) });
      next = stage.acts.indexOf(act) + 1;
    } finally {
      removePlace(place);
    }
  }
  return outcomes;
}

/** @returns how many it did */
async function runActs(
  session: Session,
  { root }: Place,
  { job, quietMs }: Stage,
  acts: readonly Act[],
  outcomes: Map<string, Outcome>,
): Promise<number> {
  const sees = await seesChange(session, join(root, job.watch), quietMs);
  let release = '1';
  for (const [i, act] of acts.entries()) {
    const [before, noted] = [session.countStarts(), session.notes().length];
    const done = await act.run(session, release);
    release = typeof done === 'string' ? done : done.release;
    const served = await untilServed(session, release, quietMs);
    const restarts = typeof done === 'string' ? session.countStarts() - before : done.restarts;
    const isDown = typeof done !== 'string' && done.isDown;
    const torn = session.notes().slice(noted).filter(isTorn).length;
    outcomes.set(act.name, { restarts, served, disk: release, sees, isDown, torn });
    if (served !== release) return i + 1;
  }
  return acts.length;
}

/** A port that an older process still has is another matter. */
const isTorn = ({ release = '', error = '' }: Note) =>
  release.startsWith('torn') || (error !== '' && !error.includes('EADDRINUSE'));

/** Changes one module, and puts it back. */
async function seesChange(session: Session, watched: string, quietMs: number): Promise<boolean> {
  const [file, folder] = [`${routeFile(3)}.js`, watched.endsWith('dist') ? watched : join(watched, 'dist')];
  const text = readFileSync(join(folder, file), 'utf8');
  const sees = await warmUp(session, () => writeFileSync(join(folder, file), `${text}// changed\n`));
  writeFileSync(join(folder, file), text);
  await untilQuiet(session, quietMs);
  return sees;
}

function toRow({ name, what, target }: Act, tools: readonly Tool[], partsOf: (tool: string) => Outcome[]): Row {
  const cells = Object.fromEntries(tools.map((tool) => [tool.name, toCell(partsOf(tool.name))]));
  const ours = partsOf(OURS);
  const isMet = (part: Outcome) =>
    !('trouble' in part) && part.restarts === target && part.served === part.disk && !part.isDown;
  return {
    of: name,
    table: 'Restarts',
    what,
    target: String(target),
    cells,
    isMet: ours.length === 0 ? null : ours.every(isMet),
  };
}

/** One figure a stage. */
export function toCell(parts: readonly Outcome[]): Cell {
  if (parts.length === 0) return unable('not measured');
  return { text: parts.map(sayOutcome).join(', ') };
}

/** `down`, `torn`, `old`: it does not serve what is on disk. */
function sayOutcome(part: Outcome): string {
  if ('trouble' in part) return `— (${part.trouble})`;
  const { restarts, served, disk, sees, isDown } = part;
  if (!sees && restarts === 0) return '— (sees no change there)';
  if (isDown) return `${restarts} down`;
  if (served === disk) return String(restarts);
  return `${restarts} ${served === null ? 'down' : served.startsWith('torn') ? 'torn' : 'old'}`;
}

/** Whether the tool can do that job at all. */
export const canDo = (tool: Tool, job: Job): boolean => !('unable' in toLaunched(tool, job));
