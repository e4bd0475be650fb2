/**
 * What a daemon holds on to: its claim of the runner's role, its heartbeat, and the hand-off when new code is installed.
 * @module
 */

import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Check, createDetector, type Detector, type DetectorOptions } from '../detector.ts';
import { DistprintError, errnoOf, isDistprintError } from '../errors.ts';
import { DEFAULT_INTERVAL_MS, repeat } from '../heartbeat.ts';
import { toToken } from '../manifest.ts';
import { locateRunningProgram } from '../running-program.ts';
import { toCoverageOptions } from '../settle.ts';
import {
  DEFAULT_LIMITS,
  EMPTY_HISTORY,
  type History,
  judgeHandoff,
  type Limits,
  recordFailure,
  recordHandOff,
  withoutFuture,
} from './gate.ts';
import { type HandoffWorld, handOff, type Target } from './handoff.ts';
import { findExecBlocker } from './launch.ts';
import { claim, hold, type Owner, readOwner } from './lock.ts';
import { findOwner } from './owner.ts';
import { identify, isAlive, isSameProcess, type ProcessId } from './process-id.ts';
import { endReports, type Handoff, report, type Step, takeHandoff } from './protocol.ts';
import { createSockets, type Sockets } from './sockets.ts';
import {
  defaultStateFile,
  lockBaseOf,
  type OwnState,
  type RunnerState,
  readOrSetAside,
  writeState,
} from './state-file.ts';
import { type Decision, decideStrategy, type Strategy } from './strategy.ts';
import { notify } from './systemd.ts';

export interface RunnerOptions extends Partial<Omit<DetectorOptions, 'baseline'>> {
  /** Where the state is kept. Default: `$DISTPRINT_STATE_FILE`, else in the user's state directory. */
  stateFile?: string;
  /** Default `auto`: what is safe, which may be none. */
  strategy?: Strategy | 'auto';
  /** Milliseconds from one beat to the next. Default 10,000. */
  intervalMs?: number;
  /** Idle gate: whether this is a good moment. Asked each beat while new code waits. */
  canHandOff?: () => boolean | Promise<boolean>;
  /** Stop what must not be done twice; called before the role passes on. */
  release?: () => unknown;
  /** Take it up again: the hand-off failed. */
  resume?: () => unknown;
  /** Milliseconds that the new code has to reach its claim, and then to be ready. Default 30,000. */
  readyTimeoutMs?: number;
  /** Milliseconds for which a replacement must live on before the old process leaves. Default 3,000. */
  proveMs?: number;
  /** With strategy `exit`. Default 75, EX_TEMPFAIL of sysexits(3). */
  exitStatus?: number;
  limits?: Partial<Limits>;
  /** The environment variable that, set to 1 at the start, has drift not checked. Default `HAPI_DISABLE_VERSION_HANDOFF`. */
  optOutVariable?: string;
  /** How an argument is shown in the state: secrets, for one, need not be. What is replayed is never taken from there. */
  redact?: (argument: string) => string;
  /** Told, in a line, what an operator would want to know. Default: stderr. */
  log?: (line: string) => void;
  /** Called, and awaited, before each step of the protocol that this process takes. */
  onStep?: (step: Step) => unknown;
}

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

const DEFAULT_READY_TIMEOUT_MS = 30_000;
const DEFAULT_PROVE_MS = 3_000;
/** EX_TEMPFAIL: "the user is invited to retry". */
const DEFAULT_EXIT_STATUS = 75;
const DEFAULT_OPT_OUT = 'HAPI_DISABLE_VERSION_HANDOFF';
const BASELINE_WAIT_MS = 10_000;
const GRANT_POLL_MS = 2;
const RELEASE_WAIT_MS = 5_000;

/**
 * Claims the role. Call it after the modules are loaded and before anything is served: a rehearsal ends here, and a replacement waits here
 * until it is granted the role.
 *
 * @throws ERR_DISTPRINT_RUNNING where another runner has it; ERR_DISTPRINT_NOT_FOUND where there is nothing to watch;
 *   what `createDetector` throws
 */
export async function claimRunner(options: RunnerOptions = {}): Promise<Runner> {
  const stateFile = options.stateFile ?? defaultStateFile();
  const lockBase = lockBaseOf(stateFile);
  const log = options.log ?? ((line: string) => void process.stderr.write(`distprint: ${line}\n`));
  const me = identify(process.pid);
  if (me === undefined)
    throw new DistprintError('ERR_DISTPRINT_NOT_FOUND', 'this process can not be identified: no /proc, no ps(1)');
  const said = takeHandoff();
  const path = locatePath(options);
  const detector = await createBaseline(path, options);

  const handoff = said && isGenuine(said, me, lockBase) ? said : undefined;
  const step = async (which: Step) => void (await options.onStep?.(which));
  if (handoff?.role === 'rehearsal' || handoff?.role === 'replacement') {
    await step('report');
    const { fingerprint, version } = detector.baseline;
    report({ at: 'claim', fingerprint, version, doubt: sayDoubt(detector) });
    if (handoff.role === 'rehearsal') process.exit(0);
  }
  const owner =
    handoff?.role === 'replacement' ? await waitForGrant(handoff, me, lockBase) : claimOrGoOn(lockBase, me, log);
  if (handoff?.role === 'replacement') await step('granted');
  return run({ options, path, stateFile, lockBase, log, detector, owner, handoff });
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

/**
 * An environment variable convinces nobody: who is named in it must own the lock, and be our parent, or ourselves before exec.
 * A parent that ended meanwhile no longer is ours; that it did own the lock is then still on record.
 */
function isGenuine({ role, from, generation }: Handoff, me: ProcessId, lockBase: string): boolean {
  const owner = readOwner(lockBase);
  if (owner === undefined || owner.generation !== generation || !isSameProcess(owner.process, from)) return false;
  if (role === 'exec') return isSameProcess(from, me);
  return process.ppid === from.pid || !isAlive(from);
}

function sayDoubt(detector: Detector): string | null {
  const { verdict, reason } = detector.checkSync();
  return verdict === 'current' ? null : (reason ?? `what is installed is ${verdict}`);
}

/** Where the predecessor dies first, this process is who is left, and takes the role by itself. */
async function waitForGrant({ from, grantMs }: Handoff, me: ProcessId, lockBase: string): Promise<Owner> {
  const deadlineMs = performance.now() + 2 * grantMs;
  for (;;) {
    const owner = readOwner(lockBase);
    if (owner !== undefined && isSameProcess(owner.process, me)) return owner;
    if (!isAlive(from)) return claim(lockBase, me);
    if (performance.now() > deadlineMs) {
      throw new DistprintError(
        'ERR_DISTPRINT_RUNNING',
        `process ${from.pid} keeps the role: it granted nothing within ${2 * grantMs} ms`,
      );
    }
    await delay(GRANT_POLL_MS);
  }
}

/** A disk that is full or read-only is no reason to be offline: where nobody else is known to have the role, it is taken without a record. */
function claimOrGoOn(lockBase: string, me: ProcessId, log: (line: string) => void): Owner {
  try {
    return claim(lockBase, me);
  } catch (error) {
    if (!DISK_TROUBLE.has(errnoOf(error) ?? '')) throw error;
    log(`the role can't be recorded at ${lockBase}: ${(error as Error).message}; going on without`);
    return { process: me, generation: (readOwner(lockBase)?.generation ?? 0) + 1 };
  }
}

const DISK_TROUBLE = new Set(['ENOSPC', 'EROFS', 'EDQUOT', 'EIO']);

interface Claimed {
  options: RunnerOptions;
  /** Absolute: what is watched. */
  path: string;
  stateFile: string;
  lockBase: string;
  log: (line: string) => void;
  detector: Detector;
  owner: Owner;
  handoff: Handoff | undefined;
}

function run({ options, path, stateFile, lockBase, log, detector, owner, handoff }: Claimed): Runner {
  const exitStatus = options.exitStatus ?? DEFAULT_EXIT_STATUS;
  const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits };
  const isOptedOut = process.env[options.optOutVariable ?? DEFAULT_OPT_OUT] === '1';
  const sockets = createSockets(handoff?.sockets ?? []);
  const stopped = new AbortController();
  const started = detector.baseline;
  const coverage = toCoverageOptions(started);
  const startTime = new Date().toISOString();

  let hostFields: Record<string, unknown> = {};
  let isReady = false;
  let verdict: string | null = isOptedOut ? null : 'current';
  let history: History = EMPTY_HISTORY;
  let decision: Decision = { strategy: 'none', owner: 'nobody', reasons: ['not ready yet'], advice: null };
  let handingOff: OwnState['handingOff'] = null;
  let heldBack: OwnState['heldBack'] = null;
  const lastSaid = new Map<string, string>();

  /** What stays true over many beats is said once. */
  const say = (topic: 'role' | 'state' | 'aside' | 'target' | 'host', line: string) => {
    if (lastSaid.get(topic) !== line) log(line);
    lastSaid.set(topic, line);
  };
  const readBefore = () => readOrSetAside(stateFile, (line) => say('aside', line));

  const decide = async () => {
    const found = await findOwner(exitStatus);
    decision = decideStrategy(options.strategy ?? 'auto', {
      owner: found,
      execBlocker: findExecBlocker(),
      exitStatus,
    });
    return found;
  };

  function toState(before: RunnerState | null): RunnerState {
    const argv = process.argv.slice(2);
    return {
      ...before,
      ...hostFields,
      pid: process.pid,
      startTime,
      startedWithCliVersion: started.version,
      startedWithCliMtimeMs: toToken(started.fingerprint),
      startedWithArgv: options.redact ? argv.map(options.redact) : argv,
      startedWithVersionHandoffDisabled: isOptedOut,
      lastHeartbeat: new Date().toISOString(),
      distprint: {
        ...before?.distprint,
        format: 1,
        started: world.owner.process.started,
        generation: world.owner.generation,
        path,
        coverage,
        fingerprint: started.fingerprint,
        ready: isReady,
        verdict,
        decision: { ...decision, reasons: [...decision.reasons] },
        handingOff,
        heldBack,
        tried: history.tried,
        handOffs: [...history.handOffs],
        postponedSinceMs: history.postponedSinceMs,
      },
    };
  }

  let writing: Promise<void> = Promise.resolve();
  /** @throws the operating system's errors as they are */
  function persist(): Promise<void> {
    const write = async () => {
      // Whoever was granted the role writes from then on.
      if (granted) return;
      await writeState(stateFile, toState(readBefore()));
    };
    const done = writing.then(write);
    writing = done.catch(() => {});
    return done;
  }

  /** A state that can't be written is no reason to stop working. */
  async function tryPersist(): Promise<void> {
    try {
      await persist();
    } catch (error) {
      say('state', `the state can't be written to ${stateFile}: ${(error as Error).message}`);
    }
  }

  let granted = false;
  let underWay = false;
  const world: HandoffWorld = {
    owner,
    child: null,
    lockBase,
    sockets,
    unit: null,
    readyTimeoutMs: options.readyTimeoutMs ?? DEFAULT_READY_TIMEOUT_MS,
    proveMs: options.proveMs ?? DEFAULT_PROVE_MS,
    exitStatus,
    async announce(step) {
      if (handingOff !== null) handingOff = { ...handingOff, step };
      await tryPersist();
      if (step === 'grant') granted = true;
      await options.onStep?.(step);
      if (stopped.signal.aborted) throw new Error('the runner was stopped');
    },
    async isStill({ fingerprint }) {
      const now = await detector.check();
      return now.verdict === 'changed' && now.fingerprint === fingerprint;
    },
    async remember() {
      history = recordHandOff(history, limits, Date.now());
      await persist();
    },
    release: () => callHost('release', options.release, log),
    resume: () => callHost('resume', options.resume, log),
    stopped: stopped.signal,
  };

  async function beat(): Promise<number | undefined> {
    if (!underWay && !(await holdRole())) return undefined;
    let retryInMs: number | undefined;
    if (!isOptedOut && !underWay) {
      const check = await detector.check();
      verdict = check.verdict;
      retryInMs = check.retryInMs;
      if (check.verdict === 'changed') await consider(check);
      if (check.verdict === 'current') {
        heldBack = null;
        history = { ...history, postponedSinceMs: null };
      }
    }
    await tryPersist();
    return retryInMs;
  }

  /** Whether this process still has the role. Once another serves in its place, it leaves. */
  async function holdRole(): Promise<boolean> {
    try {
      if (hold(lockBase, world.owner)) return true;
    } catch (error) {
      say('role', `the role can't be recorded at ${lockBase}: ${(error as Error).message}`);
      return true;
    }
    const other = readOwner(lockBase);
    const state = readBefore();
    const isServing =
      other !== undefined &&
      state?.pid === other.process.pid &&
      state.distprint?.ready === true &&
      isAlive(other.process);
    if (!isServing) {
      say('role', `process ${other?.process.pid} has taken the role, and does not serve yet`);
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
    if (decision.strategy === 'none') {
      const reason = [...decision.reasons, ...(decision.advice ? [decision.advice] : [])].join('; ');
      return holdBack(target, 'strategy', reason);
    }
    const canHandOff = await mayHandOff();
    const nowMs = Date.now();
    history = withoutFuture(history, limits, nowMs);
    const judged = judgeHandoff(target.fingerprint, history, limits, nowMs, canHandOff);
    if (!judged.go) {
      if (judged.gate === 'idle') history = { ...history, postponedSinceMs: history.postponedSinceMs ?? nowMs };
      return holdBack(target, judged.gate, judged.reason);
    }
    heldBack = null;
    const unit = decision.strategy === 'respawn' && found.kind === 'systemd' ? found.unit : null;
    void begin({ ...target }, decision.strategy, Object.assign(world, { unit }));
  }

  function holdBack(target: Target, gate: string, reason: string): void {
    heldBack = { target: target.fingerprint, gate, reason };
    say('target', `${sayTarget(target)} is installed; staying on ${started.version ?? started.fingerprint}: ${reason}`);
  }

  async function mayHandOff(): Promise<boolean> {
    try {
      return (await options.canHandOff?.()) !== false;
    } catch (error) {
      say('host', `canHandOff threw ${String(error)}; taken for a no`);
      return false;
    }
  }

  async function begin(target: Target, strategy: Exclude<Strategy, 'none'>, where: HandoffWorld): Promise<void> {
    underWay = true;
    handingOff = { step: 'rehearse', target: target.fingerprint, sinceMs: Date.now() };
    const before = history;
    process.once('exit', endChild);
    log(`${sayTarget(target)} is installed; handing off (${strategy})`);
    try {
      await handOff(where, strategy, target);
    } catch (error) {
      if (stopped.signal.aborted) return;
      const reason = (error as Error).message;
      history = recordFailure(before, target, reason, limits, Date.now(), Math.random());
      log(`hand-off to ${sayTarget(target)} failed, staying on ${started.version ?? started.fingerprint}: ${reason}`);
    } finally {
      process.off('exit', endChild);
      granted = false;
      underWay = false;
      handingOff = null;
    }
    await tryPersist();
  }

  /** What is not proven doesn't outlive us, when the host ends this process meanwhile. */
  function endChild(): void {
    world.child?.signal();
  }

  async function prove(handoff: Handoff): Promise<void> {
    report({ at: 'ready' });
    await delay(handoff.proveMs);
    report({ at: 'alive' });
    endReports();
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
      const before = readBefore()?.distprint;
      if (before !== undefined) {
        const { handOffs, postponedSinceMs } = before;
        const tried = before.tried?.fingerprint === started.fingerprint ? null : before.tried;
        history = withoutFuture({ handOffs, tried, postponedSinceMs }, limits, Date.now());
      }
      sockets.dropUnused();
      isReady = true;
      if (handoff?.role === 'replacement') {
        await options.onStep?.('serve');
        await tryPersist();
        void prove(handoff);
      } else {
        await notify('READY=1').catch((error: Error) => log(`systemd could not be told READY=1: ${error.message}`));
      }
      await decide();
      await tryPersist();
      repeat(beat, options.intervalMs ?? DEFAULT_INTERVAL_MS, stopped.signal);
    },
    stop,
  };
}

const sayTarget = ({ version, fingerprint }: Target) =>
  version === null ? fingerprint : `${version} (${fingerprint})`;

/** A host that throws or hangs there keeps nobody from going on. */
async function callHost(
  name: string,
  callback: (() => unknown) | undefined,
  log: (line: string) => void,
): Promise<void> {
  try {
    const late = delay(RELEASE_WAIT_MS, 'late', { ref: false });
    if ((await Promise.race([callback?.(), late])) === 'late') log(`${name} took longer than ${RELEASE_WAIT_MS} ms`);
  } catch (error) {
    log(`${name} threw ${String(error)}`);
  }
}
