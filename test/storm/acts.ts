/** What befalls the job server between two upgrades. Each act ends when one process serves, of the release that is installed. */

import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { errnoOf } from '../../src/errors.ts';
import { run } from '../helpers/run.ts';
import { sleep } from '../helpers/wait.ts';
import { ask, npm, replaceExecutable } from '../supervisors/cell.ts';
import { end } from '../supervisors/processes.ts';
import { beats } from '../supervisors/scenarios.ts';
import { FAULTS, type Fault, VERSIONS, versionOf } from './ground.ts';
import { OPTIONS, type Place, RESTART_MS } from './place.ts';

/** The next number from 0 to 1. */
export type Draw = () => number;
export interface Act {
  readonly name: string;
  /** @returns what it did, for the report */
  run(place: Place, draw: Draw): Promise<string>;
}

/** As long as one lasts, so that what is drawn falls into it. */
const handOffMs = ({ plan }: Place) => (plan.strategy === 'respawn' ? 1_000 + OPTIONS.proveMs : 1_000);

/** The next sound release. */
export const nextOf = (installed: string): string =>
  VERSIONS[(VERSIONS.indexOf(installed as (typeof VERSIONS)[number]) + 1) % VERSIONS.length] as string;

const isNode = ({ plan }: Place) => plan.runtime.startsWith('Node');
const shortestStart = ({ client }: Place) => Math.min(...client.coldStartsMs);
const longestStart = ({ client, startsMs }: Place) => Math.max(...startsMs, ...client.coldStartsMs);

/** How long the port may be silent in one hand-off that nobody disturbs (docs/runner.md, "Strategies"). */
function silenceOf(place: Place): () => number {
  const { strategy, supervisor } = place.plan;
  // On Bun the replacement is loaded already: much less than any cold start.
  if (strategy === 'respawn') return () => (isNode(place) ? 0 : shortestStart(place));
  const restartMs = strategy === 'exit' ? RESTART_MS[supervisor] : 0;
  return () => longestStart(place) * PER_COLD_START + restartMs;
}

/** A busy machine may take twice as long as for the starts that were timed. The bench holds the ratio itself (docs/benchmarks.md). */
const PER_COLD_START = 2;

/** Where a replacement ended unproven: until the old process listens again. */
const takenBack = (place: Place) => () => shortestStart(place);

/** Where somebody else ended the process: what its supervisor waits, and a start that is not late. */
const afterAnEnd =
  ({ plan }: Place) =>
  () =>
    RESTART_MS[plan.supervisor] + OPTIONS.readyTimeoutMs;

/** Installs, and waits until it serves. Each hand-off may be silent once. */
export async function upgradeTo(place: Place, version: string): Promise<void> {
  const done = place.allow(`upgrade to ${version}`, silenceOf(place), 1);
  await place.install(version);
  await place.serves(version);
  done();
}

const killed = (who: 'runner' | 'other'): Act => ({
  name: `kill -9 of ${who === 'runner' ? 'the runner' : 'its replacement or rehearsal'}`,
  async run(place, draw) {
    const done = place.allow('killed by the storm', afterAnEnd(place));
    const version = nextOf(place.installed());
    const afterMs = draw() * handOffMs(place);
    const which = draw();
    await place.install(version);
    await place.handsOff();
    await sleep(afterMs);
    const { step } = place.state()?.distprint?.handingOff ?? { step: 'none' };
    const others = place.others();
    const pid = who === 'runner' ? place.holder() : others[Math.floor(which * others.length)];
    end(pid);
    await place.serves(version);
    done();
    return `after ${Math.round(afterMs)} ms, at step ${step}${pid === undefined ? ', nobody was there' : ''}`;
  },
});

const stopped: Act = {
  name: 'SIGSTOP and SIGCONT',
  async run(place, draw) {
    const [afterMs, which, forMs] = [draw() * handOffMs(place), draw(), 500 + draw() * 3_500];
    const done = place.allow('stopped', () => (silenceOf(place)() > 0 ? silenceOf(place)() + forMs : 0), 2);
    const version = nextOf(place.installed());
    await place.install(version);
    await place.handsOff();
    await sleep(afterMs);
    const { step } = place.state()?.distprint?.handingOff ?? { step: 'none' };
    const all = [place.holder(), ...place.others()].filter((pid) => pid !== undefined);
    const pid = all[Math.floor(which * all.length)];
    end(pid, 'SIGSTOP');
    await sleep(forMs);
    end(pid, 'SIGCONT');
    await place.serves(version);
    done();
    const who = pid === all[0] ? 'the runner' : 'the other';
    return `${who} after ${Math.round(afterMs)} ms, for ${Math.round(forMs)} ms, at step ${step}`;
  },
};

const fullState: Act = {
  name: 'a full state folder',
  async run(place, draw) {
    const filler = join(dirname(dirname(place.cell.stateFile)), 'filler');
    const done = place.allow('full', silenceOf(place), 1);
    const version = nextOf(place.installed());
    const isBefore = draw() < 0.5;
    const forMs = 500 + draw() * 2_500;
    if (isBefore) fill(filler);
    await place.install(version);
    if (!isBefore) {
      await place.handsOff();
      await sleep(draw() * handOffMs(place));
      fill(filler);
    }
    await sleep(forMs);
    rmSync(filler);
    await place.serves(version);
    done();
    return `${isBefore ? 'before the install' : 'in a hand-off'}, and for ${Math.round(forMs)} ms more`;
  },
};

function fill(path: string): void {
  try {
    for (let size = 4_096; ; size += 4_096) writeFileSync(path, Buffer.alloc(size));
  } catch (error) {
    if (errnoOf(error) !== 'ENOSPC') throw error;
    statSync(path); // it is there
  }
}

const deletedState: Act = {
  name: 'a deleted state folder',
  async run(place, draw) {
    const folder = dirname(place.cell.stateFile);
    const done = place.allow('deleted', silenceOf(place), 1);
    const version = nextOf(place.installed());
    const isBefore = draw() < 0.5;
    if (!isBefore) {
      await place.install(version);
      await place.handsOff();
      await sleep(draw() * handOffMs(place));
    }
    const step = place.state()?.distprint?.handingOff?.step ?? 'none';
    place.deletedMs.push(Date.now());
    renameSync(folder, `${folder}-deleted`);
    rmSync(`${folder}-deleted`, { recursive: true });
    if (isBefore) await place.install(version);
    await place.serves(version);
    done();
    return `at step ${step}`;
  },
};

const downgrade: Act = {
  name: 'a downgrade',
  async run(place) {
    await upgradeTo(place, '1.0.3');
    await upgradeTo(place, '1.0.0');
    return '1.0.3 to 1.0.0';
  },
};

const broken = (fault: Fault): Act => ({
  name: `a release that ${fault}`,
  async run(place) {
    const { cell, plan } = place;
    const version = versionOf(fault);
    const dies = fault === 'dies a second after it is ready';
    // Documented: after exec and exit nobody sees what happens after the rehearsal. Its supervisor starts it again each time.
    const isStarted = dies && plan.strategy !== 'respawn';
    const silence = isStarted ? afterAnEnd : dies ? takenBack : silenceOf;
    const done = place.allow(`a release that ${fault}`, silence(place), dies ? Infinity : 1);
    const next = nextOf(place.installed());
    await place.install(version);
    const hasFailed = async () =>
      isStarted ? (await ask(cell))?.release === version : readTried(place)?.version === versionSaid(place, version);
    await place.wait(`${version} to fail`, async () => (await hasFailed()) || undefined, 5);
    const reason = readTried(place)?.reason.split('\n')[0];
    await place.install(next);
    await place.serves(next);
    done();
    return isStarted ? 'it served, and died' : `held off: ${reason}`;
  },
});

const readTried = (place: Place) => place.state()?.distprint?.tried;

/** An executable has no version. */
const versionSaid = ({ plan }: Place, version: string) => (plan.runtime === 'compiled' ? null : version);

const untouched = (name: string, change: (place: Place) => Promise<unknown>): Act => ({
  name,
  async run(place) {
    const before = place.state();
    await change(place);
    await beats(place.cell, 5);
    await place.wait('a verdict', () => (place.state()?.distprint?.verdict === 'current' ? true : undefined));
    const after = place.state();
    expect([after?.pid, after?.distprint?.generation], name).toEqual([before?.pid, before?.distprint?.generation]);
    return 'left alone';
  },
});

const touched = untouched('a touch of everything', async ({ cell }) => {
  const { code, stderr } = await run(['find', cell.watched, '-exec', 'touch', '{}', '+']);
  expect(code, stderr).toBe(0);
});

const reinstalled = untouched('a reinstall of the same release', ({ cell, plan, installed }) =>
  plan.runtime === 'compiled' ? replaceExecutable(cell, installed()) : npm(cell, 'ci'),
);

export const ACTS: readonly Act[] = [
  killed('runner'),
  killed('other'),
  stopped,
  fullState,
  deletedState,
  downgrade,
  ...(Object.keys(FAULTS) as Fault[]).map(broken),
  touched,
  reinstalled,
];
