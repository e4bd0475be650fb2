/**
 * The scenarios. Each says in words what came of it, for the matrix; what must hold in every cell is asserted on the way.
 */

import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { open, readdir, readFile, rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Release } from '../../fixtures/releases.ts';
import { errnoOf } from '../../src/errors.ts';
import type { Step } from '../../src/runner/index.ts';
import { run } from '../helpers/run.ts';
import { random } from '../helpers/seed.ts';
import { sleep, until } from '../helpers/wait.ts';
import {
  ask,
  type Cell,
  distprintIn,
  ground,
  npm,
  post,
  readStateOf,
  replaceExecutable,
  type Status,
  type Supervised,
  upgrade,
  watchAnswers,
} from './cell.ts';
import { end, isThere, processesIn } from './processes.ts';

/** For what takes a second on an idle machine. */
const PATIENCE_MS = 60_000;
const wait = <T>(what: string, get: () => T | undefined | Promise<T | undefined>) => until(what, get, 50, PATIENCE_MS);

/** Whoever answers nothing for so long is offline, however slow the machine. */
const OFFLINE_MS = 20_000;

/** Resolves when it serves and its beat goes. */
export async function serving(cell: Cell, release?: string): Promise<Status> {
  const status = await wait(`${cell.name} to serve ${release ?? 'anything'}`, async () => {
    const answer = await ask(cell);
    if (answer === undefined || (release !== undefined && answer.release !== release)) return undefined;
    const own = readStateOf(cell);
    return own?.pid === answer.pid && own.distprint?.ready && own.distprint.generation === answer.generation
      ? answer
      : undefined;
  });
  return status;
}

/** So many whole beats from now on. */
export async function beats(cell: Cell, count: number): Promise<void> {
  let last = readStateOf(cell)?.lastHeartbeat;
  for (let n = 0; n <= count; n++) {
    last = await wait(`a beat of ${cell.name}`, () => {
      const now = readStateOf(cell)?.lastHeartbeat;
      return now !== last ? now : undefined;
    });
  }
}

/** The supervisor follows the process that serves, and there is no other. */
export async function expectOne(cell: Cell, at: Supervised, others: readonly number[] = []): Promise<Status> {
  const status = await serving(cell);
  await wait(`one process in ${cell.name}`, () => {
    const seen = processesIn(cell.folder).filter(({ pid }) => !others.includes(pid));
    return seen.length === 1 && seen[0]?.isZombie === false ? true : undefined;
  }).catch((error: Error) => {
    throw new Error(`${error.message}: ${JSON.stringify(processesIn(cell.folder))}`);
  });
  let told: Awaited<ReturnType<Supervised['follows']>> | undefined;
  await wait(`the supervisor to follow ${status.pid}`, async () => {
    told = await at.follows(); // it may hear of a new process after we do
    return told.pid === status.pid ? true : undefined;
  }).catch((error: Error) => {
    throw new Error(`${error.message}: ${JSON.stringify(told)}`);
  });
  return status;
}

const sameWords = ({ argv, execArgv, cwd, umask, isTTY, env }: Status) => ({
  argv,
  execArgv,
  cwd,
  umask,
  isTTY,
  state: env.DISTPRINT_STATE_FILE,
});

/** 1: whatever leaves the bytes as they were. */
export async function sameBytes(cell: Cell, at: Supervised): Promise<string> {
  const before = await serving(cell);
  const { restarts } = await at.follows();
  for (const [what, change] of Object.entries(changesOfNothing(cell))) {
    await change();
    await beats(cell, 3);
    const now = await wait(`the verdict after ${what}`, () => {
      const { verdict } = readStateOf(cell)?.distprint ?? {};
      return verdict === 'current' || verdict === 'changed' ? verdict : undefined;
    });
    expect(now, what).toBe('current');
    const { pid, generation, release } = (await ask(cell)) as Status;
    expect({ pid, generation, release }, what).toEqual({
      pid: before.pid,
      generation: before.generation,
      release: '1.0.0',
    });
  }
  expect(await at.follows()).toEqual({ pid: before.pid, restarts });
  if (restarts !== null) expect(restarts).toBe(0);
  return 'left alone';
}

function changesOfNothing(cell: Cell): Record<string, () => Promise<unknown>> {
  const { watched, folder, runtime } = cell;
  const copy = join(folder, 'copy');
  const shell = async (...words: string[]) => {
    const { code, stderr } = await run(words, { timeout: 60_000 });
    if (code !== 0) throw new Error(`${words.join(' ')}: ${stderr}`);
  };
  if (runtime === 'compiled') {
    return {
      touch: () => utimes(watched, new Date(), new Date()),
      'rsync -a': async () => {
        await shell('cp', watched, copy);
        await shell('rsync', '-a', '--ignore-times', copy, watched);
      },
      // The running one can't be written to: `--force` has it removed first.
      'cp -a over itself': () => shell('cp', '-a', '--force', copy, watched),
      'rebuild to the same bytes': () => replaceExecutable(cell, '1.0.0'),
    };
  }
  return {
    touch: () => shell('find', watched, '-exec', 'touch', '{}', '+'),
    'rsync -a': async () => {
      await shell('cp', '-r', watched, copy);
      await shell('rsync', '-a', '--ignore-times', `${copy}/`, `${watched}/`);
    },
    'cp -a over itself': () => shell('cp', '-a', `${copy}/.`, `${watched}/`),
    'reinstall of the same version': () => npm(cell, 'ci'),
    'rebuild to the same bytes': async () => {
      const dist = join(watched, 'dist');
      const built = join(folder, 'built');
      await shell('cp', '-r', dist, built);
      for (const name of await readdir(dist)) await rename(join(built, name), join(dist, name));
    },
  };
}

export interface Upgraded {
  readonly strategy: string;
  readonly outcome: string;
  readonly children: string;
  /** The child that it had, which has ended. */
  readonly child: number;
  readonly gapMs: number;
}

/** 2: a real new release. */
export async function newRelease(cell: Cell, at: Supervised): Promise<Upgraded> {
  const before = await serving(cell);
  const told = await at.follows();
  await post(cell, '/child');
  const child = await wait('its child', () => processesIn(cell.folder).find(({ name }) => name === 'sleep')?.pid);
  try {
    await beats(cell, 2); // the child has a say in what is decided
    const decision = await doctor(cell, at);
    const watch = watchAnswers(cell);
    await upgrade(cell, '2.0.0');
    const stays = decision.strategy === 'none';
    if (stays) await staysAndSaysWhy(cell, at);
    else await serving(cell, '2.0.0');
    await expectOne(cell, at, [child]);
    await beats(cell, 3);
    const after = await expectOne(cell, at, [child]);
    const { gapMs } = await watch.stop();
    expect(gapMs).toBeLessThan(OFFLINE_MS);
    expect(sameWords(after)).toEqual(sameWords(before));
    expect(after.release).toBe(stays ? '1.0.0' : '2.0.0');
    const now = await at.follows();
    const restarts = told.restarts === null ? null : (now.restarts as number) - told.restarts;
    const outcome = sayOutcome(decision.strategy, before, after, restarts);
    const children = isThere(child) ? `live on${await sayEnd(cell, child)}` : 'end with it';
    return { strategy: decision.strategy, outcome, children, child, gapMs };
  } finally {
    end(child);
  }
}

/** A parent that has become another program by exec knows nothing of its children, and waits for none. */
async function sayEnd(cell: Cell, child: number): Promise<string> {
  end(child);
  await beats(cell, 2);
  return processesIn(cell.folder).some(({ pid, isZombie }) => pid === child && isZombie) ? ', then zombies' : '';
}

function sayOutcome(strategy: string, before: Status, after: Status, restarts: number | null): string {
  if (strategy === 'none') {
    expect({ pid: after.pid, restarts: restarts ?? 0 }).toEqual({ pid: before.pid, restarts: 0 });
    return 'stays on old code, says why';
  }
  const pid = after.pid === before.pid ? 'same PID' : 'new PID';
  if (strategy === 'exec') expect({ pid, restarts: restarts ?? 0 }).toEqual({ pid: 'same PID', restarts: 0 });
  if (strategy === 'respawn') expect({ pid, restarts: restarts ?? 0 }).toEqual({ pid: 'new PID', restarts: 0 });
  if (strategy === 'exit') expect({ pid, restarts: restarts ?? 1 }).toEqual({ pid: 'new PID', restarts: 1 });
  return `new code, ${pid}${strategy === 'exit' ? ', restarted once' : ''}`;
}

/** Opening the very file that runs, so as to write into it. */
export async function openRunning({ watched }: Cell): Promise<string> {
  try {
    await (await open(watched, 'r+')).close();
    return 'allowed';
  } catch (error) {
    return errnoOf(error) ?? String(error);
  }
}

/** 2 again: another release written over the installed file, in place. Linux allows that once the running one is another file. */
export async function overwrite(cell: Cell, at: Supervised, others: readonly number[]): Promise<string> {
  const before = await serving(cell, '2.0.0');
  const { strategy } = await doctor(cell, at);
  await replaceExecutable(cell, '2.0.0');
  await writeFile(cell.watched, await readFile(ground.compiled['1.0.0'] as string));
  await serving(cell, '1.0.0');
  return sayOutcome(strategy, before, await expectOne(cell, at, others), null);
}

interface Doctor {
  strategy: string;
  owner: string;
  reasons: string[];
  advice: string | null;
  handoffDisabled: boolean;
}

export async function doctor(cell: Cell, at: Supervised): Promise<Doctor> {
  const { stdout, stderr } = await distprintIn(cell, at, 'doctor', '--json');
  const said = JSON.parse(stdout) as Doctor;
  expect(said.strategy, `${stdout}${stderr}`).toBeTypeOf('string');
  return said;
}

/** In its state, its log, `distprint doctor` and `distprint status`. */
async function staysAndSaysWhy(cell: Cell, at: Supervised): Promise<void> {
  const held = await wait('why it stays', () => readStateOf(cell)?.distprint?.heldBack ?? undefined);
  expect(held.gate).toBe('strategy');
  const { advice, reasons } = await doctor(cell, at);
  expect(advice).toMatch(/^restart /);
  expect(held.reason).toBe([...reasons, advice].join('; '));
  await saysInItsLog(at, 'staying on');
  expect((await distprintIn(cell, at, 'status')).stdout).toContain('held back  strategy: ');
}

const squeeze = (text: string) => text.replace(/\s+/g, '');

/** A terminal breaks lines where they reach its edge. */
async function saysInItsLog(at: Supervised, what: string): Promise<void> {
  await wait(`"${what}" in its log`, async () =>
    squeeze(await at.log()).includes(squeeze(what)) ? true : undefined,
  ).catch(async (error: Error) => {
    throw new Error(`${error.message}:\n${(await at.log()).slice(-2_000)}`);
  });
}

/** 3: a release that can't start. */
export async function cannotStart(cell: Cell, at: Supervised, others: readonly number[]): Promise<string> {
  const before = await serving(cell);
  const watch = watchAnswers(cell);
  await upgrade(cell, 'broken');
  await wait('the failure in its state', () => {
    const reason = readStateOf(cell)?.distprint?.tried?.reason;
    return reason?.includes('this release can not start') ? reason : undefined;
  });
  await beats(cell, 3);
  const after = await expectOne(cell, at, others);
  expect(after).toEqual(before);
  await saysInItsLog(at, 'this release can not start');
  expect((await distprintIn(cell, at, 'status')).stdout).toContain('this release can not start');
  expect((await watch.stop()).gapMs).toBe(0);
  return 'old code serves, says why';
}

/** 4: the operator has disabled it; whoever asks later has not. Starts at rest, and leaves it so. */
export async function optedOut(cell: Cell, at: Supervised): Promise<string> {
  await at.start({ DISTPRINT_DISABLE_HANDOFF: '1' });
  const before = await serving(cell, '1.0.0');
  await upgrade(cell, '2.0.0');
  await beats(cell, 5);
  expect((await doctor(cell, at)).handoffDisabled).toBe(true);
  expect((await distprintIn(cell, at, 'status')).stdout).toContain('disabled by the operator');
  expect(await isRunningInstalled(cell, at)).toBe('true');
  await beats(cell, 2);
  expect(await expectOne(cell, at)).toEqual(before);
  expect(readStateOf(cell)?.distprint).toMatchObject({ verdict: null, tried: null, heldBack: null });
  await stopped(cell, at);
  return 'left alone';
}

/** What a later command of the host's own asks, before it would restart the runner. */
async function isRunningInstalled(cell: Cell, at: Supervised): Promise<string> {
  const code = `import { isRunnerRunningInstalledVersion as ask } from 'distprint/runner';
    console.log(ask({ stateFile: ${JSON.stringify(cell.stateFile)} }))`;
  const script = join(cell.app, 'ask.mjs');
  await writeFile(script, code);
  return (await run([...at.inside(), process.execPath, script], { cwd: '/', timeout: 60_000 })).stdout.trim();
}

/** Stop through the supervisor really stops it. */
export async function stopped(cell: Cell, at: Supervised): Promise<void> {
  await at.stop();
  await wait(`nobody in ${cell.name}`, () => (processesIn(cell.folder).length === 0 ? true : undefined));
  expect((await at.follows()).pid).toBeNull();
  expect(await ask(cell)).toBeUndefined();
  await sleep(700); // what would start it again had time to
  expect(await ask(cell)).toBeUndefined();
}

/** 5: a second release while the first hand-off is under way, at each of these steps; then so many in a row. */
export async function manyReleases(
  cell: Cell,
  at: Supervised,
  step: Step,
  releases: readonly Release[],
): Promise<string> {
  const before = await serving(cell);
  const [during, later, ...rest] = releases as [Release, Release, ...Release[]];
  const hold = join(cell.steps, `hold.${step}`);
  writeFileSync(hold, '');
  await upgrade(cell, during);
  await wait(`the step ${step}`, () =>
    readdirSync(cell.steps).find((name) => /^\d+\./.test(name) && name.endsWith(`.${step}`)),
  );
  await upgrade(cell, later);
  rmSync(hold);
  await serving(cell, later.version);
  for (const release of rest) {
    await upgrade(cell, release);
    await serving(cell, release.version);
  }
  await beats(cell, 3);
  const after = await expectOne(cell, at);
  expect(after.release).toBe(releases.at(-1)?.version);
  expect(sameWords(after)).toEqual(sameWords(before));
  return 'ends on the last';
}

/** 5, with the breaker as it is by default: three in 15 minutes. */
export async function underTheBreaker(cell: Cell, at: Supervised, releases: readonly Release[]): Promise<string> {
  let moved = 0;
  for (const release of releases) {
    const { version } = release;
    await upgrade(cell, release);
    const isMoved = await wait(`an outcome of ${version}`, async () => {
      if ((await ask(cell))?.release === version) return 'moved';
      const { heldBack, verdict } = readStateOf(cell)?.distprint ?? {};
      return verdict === 'changed' && heldBack?.gate === 'breaker' ? 'held' : undefined;
    });
    if (isMoved === 'moved') moved += 1;
    else break;
    await serving(cell, version);
  }
  await beats(cell, 3);
  await expectOne(cell, at);
  expect(moved).toBe(3);
  await saysInItsLog(at, '3 hand-offs in 15 min');
  return 'the breaker stops the 4th, says why';
}

const LONGEST_HANDOFF_MS = 1_500;

/** 6: restarted, stopped, or killed with all it has, at a random moment of a hand-off. */
export async function killed(
  cell: Cell,
  at: Supervised & Required<Pick<Supervised, 'restart' | 'kill'>>,
  seeds: readonly number[],
): Promise<string> {
  let installed = '1.0.0';
  const both = { '1.0.0': ground.releases['1.0.0'], '2.0.0': ground.releases['2.0.0'] };
  for (const seed of seeds) {
    const next = random(seed);
    await serving(cell, installed);
    installed = installed === '1.0.0' ? '2.0.0' : '1.0.0';
    for (const name of readdirSync(cell.steps)) rmSync(join(cell.steps, name));
    await upgrade(cell, both[installed as '1.0.0']);
    await until(
      'a hand-off',
      () => (readdirSync(cell.steps).some((n) => n.endsWith('.rehearse')) ? true : undefined),
      2,
      PATIENCE_MS,
    );
    const what = (['restart', 'stop', 'kill'] as const)[seed % 3] ?? 'stop';
    const afterMs = Math.round(next() * LONGEST_HANDOFF_MS);
    await sleep(afterMs);
    const reached = readdirSync(cell.steps).map((name) => name.replace(/^\d+\./, ''));
    process.stdout.write(`seed ${seed}: ${what} after ${afterMs} ms, at ${reached.join(', ')}\n`);
    await at[what]();
    if (what === 'stop') {
      await wait(`nobody, seed ${seed}`, () => (processesIn(cell.folder).length === 0 ? true : undefined));
      await at.start();
    }
    const status = await serving(cell, installed).catch((error: Error) => {
      throw new Error(`seed ${seed}: ${error.message}`);
    });
    expect((await expectOne(cell, at)).pid, `seed ${seed}`).toBe(status.pid);
    expect((await distprintIn(cell, at, 'status')).code, `seed ${seed}`).toBe(0);
  }
  return `${seeds.length} seeds: back once, on the right code`;
}
