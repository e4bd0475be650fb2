/**
 * A place where the daemon of fixtures/runner is installed with npm, runs, is upgraded and comes to harm; and what can be seen of it from
 * outside: who answers, who listens, who has the lock, what the state says, and which processes there are at all.
 */

import { spawn } from 'node:child_process';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestContext } from 'vitest';
import { cleanEnv, packageIn, type Release, scriptIn } from '../../fixtures/releases.ts';
import { isAlive } from '../../src/platform/process-id.ts';
import type { RunnerOptions, RunnerState, Step } from '../../src/runner/index.ts';
import { type LockHolder, readHolder } from '../../src/runner/role/lock.ts';
import { findFreePort } from '../helpers/free-port.ts';
import { run } from '../helpers/run.ts';
import { makeTempToRemove, removeTree } from '../helpers/temp-dir.ts';
import { type Answer, ask } from './client.ts';
import type { Shop } from './shop.ts';
import { describeProcess, holdsAny, listListening, listProcesses, signal } from './site-processes.ts';

/** Short ones, so that a test takes seconds. */
export const QUICK = { intervalMs: 200, settleMs: 300, proveMs: 500, readyTimeoutMs: 2_000 } as const;
/** The same, where what is tested should succeed on a machine that is busy with something else. */
export const PATIENT = { ...QUICK, readyTimeoutMs: 30_000 } as const;
/** Room for many hand-offs and retries in the time of a test. */
export const GENEROUS = {
  breaker: { max: 100, windowMs: 60_000 },
  backOff: { baseMs: 60_000, maxMs: 60_000 },
  maxPostponeMs: 60_000,
};

export interface SiteOptions {
  /** Words before the script; `process.execPath` where there are none. */
  launcher?: readonly string[];
  options?: RunnerOptions;
  env?: Record<string, string>;
  /** Further words after the script. */
  words?: readonly string[];
  stateFolder?: string;
}

/** The variable by which every process of a site is known, however it came to be: environments are replayed. */
const MARK = 'DISTPRINT_TEST_SITE';
let sites = 0;

export type Site = Awaited<ReturnType<typeof openSite>>;

/** Gone when the test is over, with all its processes; a process that is there beside the runner then fails the test. */
export async function openSite(context: Pick<TestContext, 'onTestFinished'>, shop: Shop, settings: SiteOptions = {}) {
  const folder = makeTempToRemove();
  const app = join(folder, 'app');
  const steps = join(folder, 'steps');
  const stateFolder = settings.stateFolder ?? join(folder, 'state');
  const stateFile = join(stateFolder, 'runner.state.json');
  const lockBase = join(stateFolder, 'runner.state.lock');
  const logFile = join(folder, 'log');
  const port = await findFreePort();
  const mark = `${process.pid}-${sites++}-${port}`;
  mkdirSync(steps);

  const launcher = settings.launcher ?? [process.execPath];
  const script = scriptIn(app);
  const words = () => [
    'start-sync',
    ...['--workspace-root', 'a b', '--port', String(port), '--steps', steps],
    ...['--options', JSON.stringify({ ...QUICK, limits: GENEROUS, stateFile, ...settings.options })],
    ...(settings.words ?? ['', `it's "quoted"\nand broken`]),
  ];

  let supervisor: number | undefined;
  const processes = (): number[] => listProcesses(`${MARK}=${mark}`).filter((pid) => pid !== supervisor);
  const log = () => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '');
  const state = (): RunnerState => JSON.parse(readFileSync(stateFile, 'utf8')) as RunnerState;

  const site = {
    folder,
    app,
    script,
    steps,
    port,
    stateFolder,
    stateFile,
    words,
    processes,
    /** What its processes printed. */
    log,
    state,
    own: () => state().distprint as NonNullable<RunnerState['distprint']>,
    holder: (): LockHolder | undefined => readHolder(lockBase),

    /** As an operator does. */
    async install(release: Release): Promise<void> {
      mkdirSync(app, { recursive: true });
      if (!existsSync(join(app, 'package.json'))) writeFileSync(join(app, 'package.json'), '{"private":true}');
      const hasDistprint = existsSync(join(app, 'node_modules/distprint'));
      await npm(app, ['install', ...(hasDistprint ? [] : [shop.workshop.distprint]), release.tarball]);
    },
    /** Writes every file anew. */
    async reinstall(release: Release): Promise<void> {
      rmSync(packageIn(app), { recursive: true });
      rmSync(join(app, 'node_modules/.package-lock.json'));
      await site.install(release);
    },
    uninstall: () => npm(app, ['uninstall', 'distprint-fixture-runner']),

    /** Starts it by hand, as a supervisor would, and doesn't wait. Resolves with its exit code. */
    spawn(extra: { words?: readonly string[]; command?: readonly string[] } = {}) {
      const [file = '', ...args] = extra.command ?? [...launcher, script];
      const output = openSync(logFile, 'a');
      const child = spawn(file, [...args, ...(extra.words ?? words())], {
        cwd: folder,
        env: { ...cleanEnv, DISTPRINT_DISABLE_HANDOFF: '', ...settings.env, [MARK]: mark },
        stdio: ['ignore', output, output],
        detached: true,
      });
      closeSync(output);
      const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
        child.on('exit', (code, signal) => resolve(code ?? signal));
        child.on('error', () => resolve(null));
      });
      return { pid: child.pid as number, ended };
    },

    /** Has a supervisor start it. */
    supervise(command: readonly string[]): void {
      supervisor = site.spawn({ command, words: [] }).pid;
    },

    /** Starts it, and waits until it serves and says so in its state. */
    async start(extra: { command?: readonly string[] } = {}): Promise<number> {
      const { pid, ended } = site.spawn(extra);
      let end: unknown;
      void ended.then((how) => {
        end = how;
      });
      await site.until(`process ${pid} to serve`, async () => {
        if (end !== undefined) throw new Error(`process ${pid} ended at its start: ${end}\n${log()}`);
        return (await site.ask())?.pid === pid && site.own().ready;
      });
      return pid;
    },

    /** Who answers; undefined where nobody does. */
    async ask(): Promise<Answer | undefined> {
      const answer = await ask(port, 'GET', '/status');
      if (answer === undefined) return undefined;
      const { claimToListenMs: _, ...said } = answer as Answer & { claimToListenMs: number }; // differs each time
      return said;
    },
    post: (path: string) => ask(port, 'POST', path),

    /** Resolves with what `get` gives, once that is neither undefined nor false. */
    async until<T>(what: string, get: () => T | Promise<T>, withinMs = 30_000): Promise<Exclude<T, undefined | false>> {
      const deadlineMs = performance.now() + withinMs;
      for (;;) {
        const value = await Promise.resolve()
          .then(get)
          .catch((error: NodeJS.ErrnoException) => {
            if (error.code === 'ENOENT' || error instanceof SyntaxError) return undefined; // it isn't there yet
            throw error;
          });
        if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>;
        if (performance.now() > deadlineMs) throw new Error(`waited in vain for ${what}\n${site.describe()}`);
        await sleep(20);
      }
    },

    /** The one process that there is, if it answers, is the only one that listens, has the lock and is in no hand-off; else undefined. */
    async servesAlone(): Promise<number | undefined> {
      if (!existsSync(stateFile)) return undefined;
      const { pid, httpPort, distprint: own } = state();
      const holder = site.holder();
      const answer = (await ask(httpPort ?? port, 'GET', '/status')) as Answer | undefined;
      const isHolder = holder?.process.pid === pid && own?.generation === holder?.generation;
      if (answer?.pid !== pid || !isHolder || own?.handingOff !== null) return undefined;
      return isSameSet(processes(), [pid]) && isSameSet(site.listeners(), [pid]) ? pid : undefined;
    },

    /** Until this release answers, and its hand-off is over: nobody else is left. */
    async untilServes(release: string, withinMs = 30_000): Promise<Answer> {
      return await site.until(
        `release ${release} to serve alone`,
        async () => {
          const answer = await site.ask();
          const isAlone = answer !== undefined && isSameSet(processes(), [answer.pid]);
          const isSaid = state().pid === answer?.pid && site.own().generation === answer.generation && site.own().ready;
          return answer?.release === release && isAlone && isSaid && answer;
        },
        withinMs,
      );
    },

    /** Has the runner wait where it announces this step, and whoever reaches it next. */
    hold: (step: Step) => writeFileSync(join(steps, `hold.${step}`), ''),
    letGo: (step: Step) => rmSync(join(steps, `hold.${step}`), { force: true }),
    /** The processes that have reached it, in no order. */
    reached: (step: Step): number[] =>
      readdirSync(steps)
        .filter((name) => name.endsWith(`.${step}`) && !name.startsWith('hold.'))
        .map((name) => Number(name.split('.')[0])),
    /** Resolves with the process that is there and wasn't before. */
    untilReached: (step: Step, before: readonly number[] = [], withinMs = 30_000): Promise<number> =>
      site.until(`step ${step}`, () => site.reached(step).find((pid) => !before.includes(pid)), withinMs),

    /** The processes of this site that hold a socket that listens. */
    listeners(): number[] {
      const sockets = listListening();
      return processes().filter((pid) => holdsAny(pid, sockets));
    },

    stepsTaken: (): string[] => readdirSync(steps).filter((name) => !name.startsWith('hold.')),
    filesOfState: (): string[] => readdirSync(stateFolder).sort(),

    /** Until the runner sees nothing that moves. */
    async untilSettled(): Promise<void> {
      await site.beats(1);
      await site.until(
        'a settled verdict',
        () => site.own().verdict !== 'settling' && site.own().verdict !== 'missing',
      );
    },

    /** How many beats passed since then can be told by `lastHeartbeat`: resolves after so many. */
    async beats(count: number): Promise<void> {
      for (let seen = 0, last = state().lastHeartbeat; seen < count; seen++) {
        last = await site.until('a heartbeat', () => state().lastHeartbeat !== last && String(state().lastHeartbeat));
      }
    },

    /** Has this release there from the start: a copy of what npm installed once. */
    copy: (version: string) => copyTree(shop.installed(version), app),
    /** Replaces the package by this release at once, as pnpm does. */
    swap(version: string): void {
      const place = packageIn(app);
      const next = join(folder, `next-${version}-${performance.now()}`);
      copyTree(packageIn(shop.installed(version)), next);
      renameSync(place, `${next}-replaced`);
      renameSync(next, place);
    },
    /** At once: while its files are removed one by one, the runner may write others. */
    deleteState: () => renameSync(stateFolder, join(folder, `deleted-${performance.now()}`)),

    /** For the message of a failure. */
    describe(): string {
      const listeners = site.listeners();
      const lines = processes().map(
        (pid) => `  ${pid}${listeners.includes(pid) ? ' (listens)' : ''}: ${describeProcess(pid)}`,
      );
      const files = existsSync(stateFolder) ? readdirSync(stateFolder).join(' ') : 'gone';
      const text = existsSync(stateFile) ? readFileSync(stateFile, 'utf8') : '';
      const done = readdirSync(steps).join(' ');
      return ['processes:', ...lines, `state folder: ${files}`, text, `steps: ${done}`, 'log:', log()].join('\n');
    },
  };

  context.onTestFinished(async () => {
    try {
      for (const name of readdirSync(steps)) if (name.startsWith('hold.')) rmSync(join(steps, name));
      if (supervisor !== undefined) signal(supervisor, 'SIGTERM');
      supervisor = undefined;
      const deadlineMs = performance.now() + 10_000;
      for (
        let ended: LockHolder | undefined;
        processes().length > 0 && performance.now() < deadlineMs;
        await sleep(20)
      ) {
        const holder = site.holder();
        if (holder === undefined || holder.generation === ended?.generation || !isAlive(holder.process)) continue;
        if (processes().includes(holder.process.pid)) signal(holder.process.pid, 'SIGTERM');
        ended = holder;
      }
      if (processes().length > 0) throw new Error(`processes are left over\n${site.describe()}`);
    } finally {
      while (processes().length > 0) {
        for (const pid of processes()) signal(pid, 'SIGKILL');
        await sleep(10);
      }
      removeTree(folder);
    }
  }, 30_000);
  return site;
}

const copyTree = (from: string, to: string) => cpSync(from, to, { recursive: true, verbatimSymlinks: true });

const isSameSet = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((each) => b.includes(each));

/** Beside whatever else is tested meanwhile. */
async function npm(cwd: string, args: readonly string[]): Promise<void> {
  const words = [...args, '--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline', '--loglevel', 'error'];
  const { code, stdout, stderr } = await run(['npm', ...words], { cwd, env: cleanEnv, timeout: 60_000 });
  if (code !== 0) throw new Error(`npm ${args.join(' ')}: exit ${code}\n${stdout}${stderr}`);
}
