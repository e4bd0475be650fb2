/**
 * What a daemon holds on to: its claim of the runner's role, its heartbeat, and the hand-off when new code is installed.
 * @module
 */

import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Check, createDetector, type Detector } from '../change/detector.ts';
import { repeat } from '../change/heartbeat.ts';
import { locateRunningProgram } from '../change/running-program.ts';
import { DistprintError, isDistprintError } from '../errors.ts';
import { toToken } from '../manifest/manifest.ts';
import { toCoverageOptions } from '../scan/subject.ts';
import {
  EMPTY_HISTORY,
  type History,
  judgeHandoff,
  recordFailure,
  recordHandOff,
  withoutFuture,
} from './handoff/gate.ts';
import { findExecBlocker } from './handoff/launch.ts';
import { type HandoffWorld, handOff, type Target } from './handoff/predecessor.ts';
import { type Handoff, type Step, takeHandoff } from './handoff/protocol.ts';
import { prove, takeRole } from './handoff/replacement.ts';
import { createSockets, type Sockets } from './handoff/sockets.ts';
import { callHost } from './host.ts';
import { type RunnerOptions, type Settings, toSettings } from './options.ts';
import { createJournal, withoutCall } from './role/journal.ts';
import { holdOrTakeBack, type Owner } from './role/lock.ts';
import { identify, isAlive, isSameProcess } from './role/process-id.ts';
import { lockBaseOf, type OwnState, type RunnerState } from './role/state-file.ts';
import { findOwner } from './supervisor/find-supervisor.ts';
import { type Decision, decideStrategy, type Strategy } from './supervisor/strategy.ts';
import { notify } from './supervisor/systemd.ts';

/** A process that has the role. */
export interface Runner {
  /** One more than that of whoever had the role before. */
  readonly generation: number;
  /** Whether this process took over from one that handed off to it. */
  readonly isHandedOver: boolean;
  /** As `server.listen`; where it can be done, on the predecessor's very socket. */
  listen: Sockets['listen'];
  /**
   * Says that this process serves: to its predecessor, to systemd, and in the state, where `fields` are added. Starts the heartbeat.
   */
  ready(fields?: Record<string, unknown>): Promise<void>;
  /** Ends the heartbeat, and a hand-off that is under way. Call it before the process ends on its own account. */
  stop(): void;
}

const BASELINE_WAIT_MS = 10_000;

/**
 * Claims the role. Call it after the modules are loaded and before anything is served: a rehearsal ends here, and a replacement waits here
 * until it is granted the role.
 *
 * @throws ERR_DISTPRINT_RUNNING where another runner has it; ERR_DISTPRINT_NOT_FOUND where there is nothing to watch;
 *   what `createDetector` throws
 */
export async function claimRunner(options: RunnerOptions = {}): Promise<Runner> {
  const settings = toSettings(options);
  const lockBase = lockBaseOf(settings.stateFile);
  const me = identify(process.pid);
  if (me === undefined)
    throw new DistprintError('ERR_DISTPRINT_NOT_FOUND', 'this process can not be identified: no /proc, no ps(1)');
  const said = takeHandoff();
  const path = locatePath(options);
  const detector = await createBaseline(path, options);

  const announce = async (step: Step) => void (await settings.onStep(step));
  const role = await takeRole({ me, lockBase, said, detector, announce, log: settings.log });
  return run({ settings, path, lockBase, detector, ...role });
}

function locatePath(options: RunnerOptions): string {
  const path = options.path ?? locateRunningProgram();
  if (path !== undefined) return resolve(path);
  const message = 'this process runs no script of a package, nor a compiled executable: say what to watch in `path`';
  throw new DistprintError('ERR_DISTPRINT_NOT_FOUND', message);
}

/** In the middle of an install there may be nothing to take for a moment. */
async function createBaseline(path: string, options: RunnerOptions): Promise<Detector> {
  const deadlineMs = performance.now() + BASELINE_WAIT_MS;
  for (;;) {
    try {
      return createDetector({ ...options, path });
    } catch (error) {
      if (!isDistprintError(error) || error.code === 'ERR_DISTPRINT_OPTION' || performance.now() > deadlineMs)
        throw error;
      await delay(100);
    }
  }
}

/** What the state tells beyond who this is and what started. */
type Situation = Pick<OwnState, 'ready' | 'verdict' | 'handingOff' | 'heldBack'> & {
  -readonly [Name in keyof History]: History[Name];
} & { decision: Decision };

interface Claimed {
  settings: Settings;
  /** Absolute: what is watched. */
  path: string;
  lockBase: string;
  detector: Detector;
  owner: Owner;
  handoff: Handoff | undefined;
}

function run({ settings, path, lockBase, detector, owner, handoff }: Claimed): Runner {
  const { stateFile, limits, log } = settings;
  const sockets = createSockets(handoff?.sockets ?? []);
  const stopped = new AbortController();
  const started = detector.baseline;
  const coverage = toCoverageOptions(started);
  const startTime = new Date().toISOString();

  let hostFields: Record<string, unknown> = {};
  const now: Situation = {
    ready: false,
    verdict: settings.isOptedOut ? null : 'current',
    decision: { strategy: 'none', owner: 'nobody', reasons: ['not ready yet'], advice: null },
    handingOff: null,
    heldBack: null,
    ...EMPTY_HISTORY,
  };
  const lastSaid = new Map<string, string>();

  /** What stays true over many beats is said once. */
  const say = (topic: 'role' | 'state' | 'aside' | 'target' | 'host', line: string) => {
    if (lastSaid.get(topic) !== line) log(line);
    lastSaid.set(topic, line);
  };

  const decide = async () => {
    const found = await findOwner(settings.exitStatus);
    now.decision = decideStrategy(settings.strategy, {
      owner: found,
      execBlocker: findExecBlocker(),
      exitStatus: settings.exitStatus,
    });
    return found;
  };

  function toState(before: RunnerState | null): RunnerState {
    return {
      ...before,
      ...hostFields,
      pid: process.pid,
      startTime,
      startedWithCliVersion: started.version,
      startedWithCliMtimeMs: toToken(started.fingerprint),
      startedWithArgv: [...settings.redact(process.argv.slice(2))],
      startedWithVersionHandoffDisabled: settings.isOptedOut,
      lastHeartbeat: new Date().toISOString(),
      distprint: {
        ...before?.distprint,
        format: 1,
        started: world.owner.process.started,
        generation: world.owner.generation,
        path,
        coverage,
        fingerprint: started.fingerprint,
        ...now,
      },
    };
  }

  const journal = createJournal(stateFile, toState, say);

  let underWay = false;
  const world: HandoffWorld = {
    owner,
    child: null,
    lockBase,
    sockets,
    unit: null,
    readyTimeoutMs: settings.readyTimeoutMs,
    proveMs: settings.proveMs,
    exitStatus: settings.exitStatus,
    async announce(step) {
      if (now.handingOff !== null) now.handingOff = { ...now.handingOff, step };
      await journal.tryWrite();
      if (step === 'grant') await journal.close();
      await settings.onStep(step);
      if (stopped.signal.aborted) throw new Error('the runner was stopped');
    },
    async isStill({ fingerprint }) {
      const check = await detector.check();
      return check.verdict === 'changed' && check.fingerprint === fingerprint;
    },
    async remember() {
      Object.assign(now, recordHandOff(now, limits, Date.now()));
      await journal.write();
    },
    release: async () => void (await callHost('release', settings.release, log)),
    resume: async () => void (await callHost('resume', settings.resume, log)),
    stopped: stopped.signal,
  };

  async function beat(): Promise<number | undefined> {
    if (!underWay && !(await holdRole())) return undefined;
    let retryInMs: number | undefined;
    if (!settings.isOptedOut && !underWay) {
      const check = await detector.check();
      now.verdict = check.verdict;
      retryInMs = check.retryInMs;
      if (check.verdict === 'changed') await consider(check);
      if (check.verdict === 'current') {
        now.heldBack = null;
        now.postponedSinceMs = null;
      }
    }
    await journal.tryWrite();
    return retryInMs;
  }

  /** Who has the role in our place; undefined where we have it still, or nobody can tell. */
  function findSuccessor(): Owner | undefined {
    try {
      const owner = holdOrTakeBack(lockBase, world.owner);
      if (owner === undefined || !isSameProcess(owner.process, world.owner.process)) return owner;
      world.owner = owner;
    } catch (error) {
      say('role', `the role can't be recorded at ${lockBase}: ${withoutCall(error)}`);
    }
    return undefined;
  }

  /** Whether this process still has the role. Once another serves in its place, it leaves. */
  async function holdRole(): Promise<boolean> {
    const other = findSuccessor();
    if (other === undefined) return true;
    const state = journal.read();
    if (state?.pid !== other.process.pid || state.distprint?.ready !== true || !isAlive(other.process)) {
      say('role', `process ${other.process.pid} has taken the role, and does not serve yet`);
      return true;
    }
    log(`process ${other.process.pid} has the role, generation ${other.generation}, and serves; this one leaves`);
    await world.release();
    stop();
    process.exit(0);
  }

  async function consider({ fingerprint, versions }: Check): Promise<void> {
    const target: Target = { fingerprint: fingerprint as string, version: versions?.installed ?? null };
    const found = await decide();
    const { strategy, reasons, advice } = now.decision;
    if (strategy === 'none') {
      const reason = [...reasons, ...(advice === null ? [] : [advice])].join('; ');
      return holdBack(target, 'strategy', reason);
    }
    const canHandOff = await mayHandOff();
    const nowMs = Date.now();
    Object.assign(now, withoutFuture(now, limits, nowMs));
    const judged = judgeHandoff(target.fingerprint, now, limits, nowMs, canHandOff);
    if (!judged.go) {
      if (judged.gate === 'idle') now.postponedSinceMs ??= nowMs;
      return holdBack(target, judged.gate, judged.reason);
    }
    now.heldBack = null;
    const unit = strategy === 'respawn' && found.kind === 'systemd' ? found.unit : null;
    void begin(target, strategy, Object.assign(world, { unit }));
  }

  function holdBack(target: Target, gate: string, reason: string): void {
    now.heldBack = { target: target.fingerprint, gate, reason };
    say('target', `${sayTarget(target)} is installed; staying on ${started.version ?? started.fingerprint}: ${reason}`);
  }

  async function mayHandOff(): Promise<boolean> {
    const answer = await callHost('canHandOff', settings.canHandOff, (line) => say('host', `${line}; taken for a no`));
    return answer === true;
  }

  async function begin(target: Target, strategy: Exclude<Strategy, 'none'>, where: HandoffWorld): Promise<void> {
    underWay = true;
    now.handingOff = { step: 'rehearse', target: target.fingerprint, sinceMs: Date.now() };
    const before: History = { handOffs: now.handOffs, tried: now.tried, postponedSinceMs: now.postponedSinceMs };
    process.once('exit', endChild);
    log(`${sayTarget(target)} is installed; handing off (${strategy})`);
    try {
      await handOff(where, strategy, target);
    } catch (error) {
      if (stopped.signal.aborted) return;
      const reason = (error as Error).message;
      Object.assign(now, recordFailure(before, target, reason, limits, Date.now(), Math.random()));
      log(`hand-off to ${sayTarget(target)} failed, staying on ${started.version ?? started.fingerprint}: ${reason}`);
    } finally {
      process.off('exit', endChild);
      journal.reopen();
      underWay = false;
      now.handingOff = null;
    }
    await journal.tryWrite();
  }

  /** What is not proven doesn't outlive us, when the host ends this process meanwhile. */
  function endChild(): void {
    world.child?.signal();
  }

  function stop(): void {
    stopped.abort();
    endChild();
  }

  return {
    get generation() {
      return world.owner.generation;
    },
    isHandedOver: handoff !== undefined,
    listen: sockets.listen,
    async ready(fields = {}) {
      hostFields = fields;
      const before = journal.read()?.distprint;
      if (before !== undefined) {
        const { handOffs, postponedSinceMs } = before;
        const tried = before.tried?.fingerprint === started.fingerprint ? null : before.tried;
        Object.assign(now, withoutFuture({ handOffs, tried, postponedSinceMs }, limits, Date.now()));
      }
      sockets.dropUnused();
      now.ready = true;
      if (handoff?.role === 'replacement') {
        await settings.onStep('serve');
        await journal.tryWrite();
        void prove(handoff);
      } else {
        await notify('READY=1').catch((error: Error) => log(`systemd could not be told READY=1: ${error.message}`));
      }
      await decide();
      await journal.tryWrite();
      repeat(beat, settings.intervalMs, stopped.signal);
    },
    stop,
  };
}

const sayTarget = ({ version, fingerprint }: Target) =>
  version === null ? fingerprint : `${version} (${fingerprint})`;
