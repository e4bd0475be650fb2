/** A job server in a place of its own, and the client that watches it. */

import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { inject } from 'vitest';
import { cleanEnv, packageIn, type Release, scriptIn } from '../../fixtures/releases.ts';
import type { RunnerOptions } from '../../src/runner/index.ts';
import { findFreePort } from '../helpers/free-port.ts';
import { sleep, until } from '../helpers/wait.ts';
import {
  ask,
  type Cell,
  copyExecutable,
  ground,
  readStateOf,
  replaceExecutable,
  type Supervised,
  upgrade,
} from '../supervisors/cell.ts';
import { asDaemon } from '../supervisors/detached.ts';
import { end, isThere, processesIn, type Seen } from '../supervisors/processes.ts';
import { startClient } from './client.ts';
import type { Plan } from './places.ts';

export const OPTIONS = {
  intervalMs: 200,
  settleMs: 300,
  proveMs: 1_500, // one that dies a second after it is ready is not proven
  readyTimeoutMs: 5_000,
  limits: { breaker: { max: 1_000, windowMs: 60_000 }, backOff: { baseMs: 500, maxMs: 2_000 } },
} satisfies Partial<RunnerOptions> & { settleMs: number };

/** RestartSec=500ms in the unit. systemd's timers may be late by 250 ms (sd_event_add_time(3), "accuracy"). */
const RESTART_SEC_MS = 500 + 250;

/** What a supervisor waits before it starts the process again. */
export const RESTART_MS: Record<Plan['supervisor'], number> = {
  nobody: 0,
  'a loop': 0,
  systemd: RESTART_SEC_MS,
  'systemd, NotifyAccess=all': RESTART_SEC_MS,
};

/** As the state calls it. */
const KIND: Record<Plan['supervisor'], string> = {
  nobody: 'nobody',
  'a loop': 'parent',
  systemd: 'systemd',
  'systemd, NotifyAccess=all': 'systemd',
};

/** For what takes seconds on an idle machine. */
const PATIENCE_MS = 60_000;

/** Silence that is allowed, as performance.now(). */
export interface Allowance {
  readonly fromMs: number;
  toMs: number;
  readonly why: string;
  /** How long each silence may last. Known when the storm is over: machine and cold starts may get slower meanwhile. */
  readonly longestMs: () => number;
  /** How many there may be. */
  readonly most: number;
}

export type Place = Awaited<ReturnType<typeof openPlace>>;

/**
 * Starts it, and waits until it serves.
 * @param disk a small one, for the state
 * @param asUnit where systemd has it
 */
export async function openPlace(plan: Plan, disk: string, asUnit: ((cell: Cell) => Promise<Supervised>) | undefined) {
  const cell = await makeCell(plan, disk);
  const env = plan.supervisor === 'a loop' && plan.strategy === 'exit' ? { DISTPRINT_STRATEGY: 'exit' } : {};
  const loop = plan.supervisor === 'a loop' ? asLoop(cell, env) : undefined;
  const at = loop ?? (asUnit ? await asUnit(cell) : asDaemon(cell));
  const allowances: Allowance[] = [];
  const deletedMs: number[] = [];
  const startsMs: number[] = [];
  let installed = '1.0.0';
  let upgrades = 0;

  const state = () => readStateOf(cell);
  const isReady = () => state()?.distprint?.ready === true;
  const processes = (): Seen[] => processesIn(cell.folder).filter(({ pid }) => pid !== loop?.pid());
  const describe = () =>
    [`processes: ${JSON.stringify(processes())}`, `state: ${JSON.stringify(state())}`, `installed: ${installed}`].join(
      '\n',
    );

  /** Fails with how things stand, where it never comes. */
  const wait = <T>(what: string, get: () => T | undefined | Promise<T | undefined>, everyMs = 20) =>
    until(`${what} in ${cell.name}`, get, everyMs, PATIENCE_MS).catch((error: Error) => {
      throw new Error(`${error.message}\n${describe()}`);
    });

  async function start(): Promise<void> {
    const beganMs = performance.now();
    await at.start(env);
    await wait('an answer', async () => ((await ask(cell)) === undefined ? undefined : true), 5);
    startsMs.push(performance.now() - beganMs);
    await wait('its first beat', () => (isReady() ? true : undefined));
  }

  /** The lock holder, by the PID that it has here. */
  const holder = (): number | undefined => {
    const pid = state()?.pid;
    return processes().find((each) => innerPid(each.pid) === pid)?.pid;
  };

  /** Until there is one process, in no hand-off: no zombie, and no child of a release that failed. It knows its supervisor. */
  const calm = () =>
    wait('one process', () => {
      const { handingOff, decision } = state()?.distprint ?? {};
      const isCalm = handingOff === null && decision?.supervisor === KIND[plan.supervisor];
      return isCalm && processes().length === 1 ? true : undefined;
    });

  await start();
  const client = startClient(cell.port);

  return {
    plan,
    cell,
    client,
    allowances,
    deletedMs,
    /** How long each start by the storm took until the first answer: with the runtime's own load, and the supervisor's, which no process can tell of itself. */
    startsMs: startsMs as readonly number[],
    installed: () => installed,
    upgrades: () => upgrades,
    state,
    processes,
    describe,
    wait,
    holder,
    calm,
    log: () => at.log(),

    /** Allows silence from now on, until the returned function is called. */
    allow(why: string, longestMs: () => number, most = Infinity): () => void {
      const allowance: Allowance = { fromMs: performance.now(), toMs: Infinity, why, longestMs, most };
      allowances.push(allowance);
      return () => {
        allowance.toMs = performance.now();
      };
    },

    async install(version: string): Promise<void> {
      if (plan.runtime === 'compiled') await replaceExecutable(cell, version);
      else await upgrade(cell, inject('releases')[version] as Release);
      installed = version;
    },

    /** Until this release serves, and nobody else is left. Where nobody starts it again, the storm does. */
    async serves(version: string): Promise<void> {
      await wait(`release ${version} to serve`, async () => {
        if (plan.supervisor === 'nobody' && processes().length === 0) await start();
        const answer = await ask(cell);
        const { pid, distprint: own } = state() ?? {};
        const isSaid = answer?.pid === pid && own?.generation === answer?.generation && own?.ready === true;
        return isSaid && answer?.release === version ? true : undefined;
      });
      await calm();
      upgrades++;
    },

    /** A replacement, a rehearsal, or who was replaced. */
    others: (): number[] => {
      const held = holder();
      return processes()
        .filter(({ pid, name, isZombie }) => pid !== held && name !== 'sh' && !isZombie)
        .map(({ pid }) => pid);
    },

    /** Until a hand-off to what is installed has begun, or is over. */
    handsOff: () =>
      wait(
        'a hand-off',
        async () => (state()?.distprint?.handingOff || (await ask(cell))?.release === installed ? true : undefined),
        2,
      ),

    async stop(): Promise<void> {
      await loop?.leave();
      if (asUnit !== undefined) await at.stop();
      else end(holder(), 'SIGTERM');
      await wait('nobody', () => (processes().length === 0 ? true : undefined));
    },
    /** Whatever became of it. */
    async destroy(): Promise<void> {
      await loop?.leave();
      if (asUnit !== undefined) await at.stop().catch(() => {});
      for (const { pid } of processes()) end(pid);
    },
  };
}

async function makeCell({ runtime }: Plan, disk: string): Promise<Cell> {
  const name = `storm-${process.pid}-${basename(disk)}`;
  const folder = join(ground.folder, 'places', basename(disk));
  const app = join(folder, 'app');
  mkdirSync(folder, { recursive: true });
  await cp(ground.template, app, { recursive: true, verbatimSymlinks: true });
  const executable = join(folder, 'bin/job-server');
  if (runtime === 'compiled') await copyExecutable(ground.compiled['1.0.0'] as string, executable);
  const head =
    runtime === 'compiled' ? [executable] : [ground.runtimes[runtime] as string, scriptIn(app, 'job-server')];
  const port = await findFreePort();
  const words = ['--port', String(port), '--journal', join(folder, 'journal'), '--options', JSON.stringify(OPTIONS)];
  return {
    name,
    runtime,
    folder,
    app,
    watched: runtime === 'compiled' ? executable : packageIn(app, 'job-server'),
    stateFile: join(disk, 'state/runner.state.json'),
    logFile: join(folder, 'log'),
    steps: folder,
    port,
    command: [...head, ...words],
  };
}

/** `while :; do …; done`: a shell that starts it again, whatever it ended with. */
function asLoop(
  cell: Cell,
  env: Record<string, string>,
): Supervised & { pid(): number | undefined; leave(): Promise<void> } {
  let pid: number | undefined;
  return {
    pid: () => pid,
    inside: () => [],
    async start() {
      const output = openSync(cell.logFile, 'a');
      const child = spawn('/bin/sh', ['-c', 'while :; do "$@"; done', 'sh', ...cell.command], {
        cwd: cell.folder,
        env: { ...cleanEnv, ...env, DISTPRINT_STATE_FILE: cell.stateFile },
        stdio: ['ignore', output, output],
        detached: true,
      });
      closeSync(output);
      pid = child.pid;
    },
    async leave() {
      end(pid);
      while (pid !== undefined && isThere(pid)) await sleep(10);
    },
    stop: async () => {},
    follows: async () => ({ pid: null, restarts: null }),
    log: async () => readFileSync(cell.logFile, 'utf8'),
  };
}

/** As it is called in its own PID namespace. */
function innerPid(pid: number): number | undefined {
  try {
    return Number(/^NSpid:.*\s(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return undefined; // it has ended
  }
}
