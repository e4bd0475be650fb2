/**
 * What a daemon holds on to: its place as the one runner, its heartbeat, and the move to new code.
 * @module
 */

import { resolve } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import type { Detector } from '../change/detector.ts';
import { repeat } from '../change/repeat.ts';
import { EMPTY_TALLY } from '../change/tally.ts';
import { DistprintError } from '../errors.ts';
import { toToken } from '../manifest/manifest.ts';
import { identifySelf, type ProcessId } from '../platform/process-id.ts';
import { reapAll } from '../platform/reap.ts';
import { toCoverageOptions } from '../scan/coverage.ts';
import { beat, whereToListen } from './beat.ts';
import { expectReady } from './deadline.ts';
import { decide, holdBackAlways, isMarked } from './hand-off.ts';
import { leaveOut } from './handoff/launch.ts';
import { type Handoff, report, type Step, takeHandoff } from './handoff/protocol.ts';
import { prove, takeLock } from './handoff/replacement.ts';
import { createSockets, type Sockets } from './handoff/sockets.ts';
import { createMetricsWriter } from './metrics-writer.ts';
import { type HostHooks, type RunnerOptions, type Settings, toHooks, toSettings } from './options.ts';
import { createRehearsal } from './rehearsal.ts';
import { createJournal } from './role/journal.ts';
import { createPresence, type Presence } from './role/presence.ts';
import { assertOwnFolder, lockBaseOf, removeLeftovers } from './role/state-file.ts';
import { createSay, type Running, update } from './running.ts';
import { type Identity, toArrivalMs, toFirstSituation, toHandingOff, toReadySituation, toState } from './situation.ts';
import { notify } from './supervisor/systemd.ts';
import { type Watched, watch } from './watched.ts';

/** The process that holds the lock. */
export interface Runner {
  /** One more than that of the runner before. */
  readonly generation: number;
  /** Whether this process took over from one that handed off to it. */
  readonly isHandedOver: boolean;
  /**
   * Whether this process only tries, beside the runner, whether it would work (`canRehearse`). Then do nothing that must not be done
   * twice. `listen` takes a free port of 127.0.0.1 or a path of its own, and `ready` ends the process.
   */
  readonly isRehearsal: boolean;
  /** Looks at what is installed. Its `baseline` is what started. */
  readonly detector: Detector;
  /** The fingerprint of what started, as an integer (`toToken`). */
  readonly token: number;
  /** As `server.listen`; on the predecessor's very socket, where that can be passed on. */
  listen: Sockets['listen'];
  /** Sets what the host does in a hand-off, in place of what the options said. */
  onHandOff(hooks: HostHooks): void;
  /**
   * Says that this process serves: to its predecessor, to systemd, and in the state, where `fields` are added. Starts the heartbeat.
   */
  ready(fields?: Record<string, unknown>): Promise<void>;
  /**
   * Ends the heartbeat, and a hand-off under way. Call it first when the process is asked to end: a hand-off may make it new code
   * meanwhile. Await it before the process ends: it resolves when no state is being written any more.
   */
  stop(): Promise<void>;
}

/** Lock files that this process has claimed. The lock itself can't tell: after exec, the same process may take it again. */
const claimed = new Set<string>();

/**
 * Claims the place of the one runner. Call it after the modules are loaded and before anything is served: a rehearsal ends here, or
 * goes on as one that can be told (`canRehearse`), and a replacement waits here for its predecessor.
 *
 * @throws ERR_DISTPRINT_RUNNING where another runner holds the lock; ERR_DISTPRINT_NOT_GRANTED where a predecessor kept it;
 *   ERR_DISTPRINT_HOST where this process can't be a runner; ERR_DISTPRINT_STATE where others may write to the folder of its state;
 *   ERR_DISTPRINT_NOT_FOUND where there is nothing to watch;
 *   what `createDetector` throws
 */
export async function claimRunner(options: RunnerOptions = {}): Promise<Runner> {
  const settings = toSettings(options);
  const lockBase = resolve(lockBaseOf(settings.stateFile));
  const me = identifyHost(lockBase);
  if (claimed.has(lockBase)) {
    const message = `this process has already claimed ${lockBase}: call claimRunner once`;
    throw new DistprintError('ERR_DISTPRINT_RUNNING', message, { path: lockBase });
  }
  claimed.add(lockBase);
  try {
    const said = takeHandoff();
    assertOwnFolder(settings.stateFile);
    leaveOut(settings.oneShotVariables);
    const watched = await watch(options, settings.stateFile);
    const { detector, elsewhere } = watched;
    const announce = async (step: Step) => void (await settings.onStep(step));
    const { stateFile, canRehearse } = settings;
    const presence = createPresence(stateFile, me);
    const { holder, handoff } = await takeLock({
      ...settings,
      canRehearse: canRehearse !== undefined,
      me,
      lockBase,
      presence,
      said,
      detector,
      elsewhere,
      announce,
    });
    if (handoff?.part === 'rehearsal' && canRehearse) return createRehearsal(detector, holder.generation, canRehearse);
    const lock = { base: lockBase, holder };
    const running = start(settings, toHooks(options), watched, lock, presence, handoff);
    if (handoff?.part === 'exec') expectReady(running);
    running.isMarked = isMarked(running);
    reapAll(handoff?.children ?? []);
    removeLeftovers(stateFile);
    await running.journal.tryWrite();
    return toRunner(running, handoff);
  } catch (error) {
    claimed.delete(lockBase);
    throw error;
  }
}

/** @throws ERR_DISTPRINT_HOST */
function identifyHost(lockBase: string): ProcessId {
  const refuse = (why: string) => new DistprintError('ERR_DISTPRINT_HOST', `this process can't be a runner: ${why}`);
  if (!isMainThread) throw refuse('claimRunner was called in a worker thread; call it in the main thread');
  if ('permission' in process)
    throw refuse('Node runs with --permission, under which no state can be flushed to disk (fsync); start it without');
  const me = identifySelf(lockBase);
  if (me === undefined)
    throw refuse(
      'it can not be identified: there is no /proc, no ps(1), and on Windows no folder that it can write to',
    );
  return me;
}

function toIdentity(settings: Settings, path: string, { baseline }: Detector): Identity {
  return {
    path,
    coverage: toCoverageOptions(baseline),
    startTime: new Date().toISOString(),
    started: {
      version: settings.version ?? baseline.version,
      fingerprint: baseline.fingerprint,
      token: toToken(baseline.fingerprint),
      argv: settings.redact(process.argv.slice(2)),
      handoffDisabled: settings.isOptedOut,
    },
  };
}

function start(
  settings: Settings,
  hooks: Running['hooks'],
  { path, ...watched }: Watched,
  lock: Running['lock'],
  presence: Presence,
  handoff: Handoff | undefined,
): Running {
  const identity = toIdentity(settings, path, watched.detector);
  const say = createSay(settings.log);
  const journal = createJournal(
    settings.stateFile,
    (before) => toState(running.identity, lock.holder, running.situation, running.hostFields, before),
    say,
    createMetricsWriter(settings.metricsFile, () => running, say),
  );
  const before = journal.read()?.distprint;
  const running: Running = {
    settings,
    identity,
    ...watched,
    lock,
    presence,
    journal,
    say,
    hooks,
    sockets: createSockets(handoff?.sockets ?? [], () => {
      if (handoff?.part === 'replacement' && !running.situation.ready) report({ at: 'busy' });
    }),
    stopped: new AbortController(),
    isMarked: Promise.resolve(false),
    unmarked: null,
    predecessor: handoff?.part === 'replacement' ? handoff.from.pid : undefined,
    decidedFor: { parent: process.ppid, leavesZombies: false },
    hostFields: settings.stateFields(identity.started),
    situation: toFirstSituation(identity.started, before, settings, Date.now()),
    arrivalMs: toArrivalMs(before, handoff !== undefined, identity.started),
    tally: EMPTY_TALLY,
  };
  const step = handoff?.part === 'exec' ? 'exec' : 'granted';
  if (handoff !== undefined) update(running, { handingOff: toHandingOff(step, identity.started) });
  if (watched.elsewhere !== null) holdBackAlways(running, watched.elsewhere);
  return running;
}

function toRunner(running: Running, handoff: Handoff | undefined): Runner {
  const { lock, presence, identity, sockets, stopped, journal } = running;
  return {
    get generation() {
      return lock.holder.generation;
    },
    isHandedOver: handoff !== undefined,
    isRehearsal: false,
    get detector() {
      return running.detector;
    },
    token: identity.started.token,
    listen: sockets.listen,
    onHandOff(hooks) {
      running.hooks = toHooks(hooks, running.hooks);
    },
    ready: (fields = {}) => becomeReady(running, handoff, fields),
    async stop() {
      stopped.abort();
      claimed.delete(lock.base);
      update(running, { intervalMs: null });
      await journal.tryWrite();
      await journal.close();
      presence.hide();
    },
  };
}

async function becomeReady(
  running: Running,
  handoff: Handoff | undefined,
  fields: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { settings, identity, sockets, journal, say, stopped } = running;
  running.hostFields = { ...running.hostFields, ...fields };
  await running.isMarked; // from now on, its files may be replaced
  sockets.dropUnused();
  running.situation = toReadySituation(running.situation, identity.started, running.arrivalMs);
  if (handoff?.part === 'replacement') {
    await settings.onStep('serve');
    update(running, { handingOff: toHandingOff('serve', identity.started) });
    await journal.tryWrite();
    void prove(handoff).then(() => {
      update(running, { handingOff: null });
      return journal.tryWrite();
    });
  } else {
    update(running, { handingOff: null });
    await notify('READY=1').catch((error: Error) =>
      settings.log(`systemd could not be told READY=1: ${error.message}`),
    );
  }
  await decide(running);
  await journal.tryWrite();
  settings.log(sayStart(running, handoff));
  const waking = { where: () => whereToListen(running), say: (note: string) => say('events', note) };
  repeat(() => beat(running), settings.intervalMs, stopped.signal, waking);
}

function sayStart({ identity, situation: { decision }, lock }: Running, handoff: Handoff | undefined): string {
  const { path, started } = identity;
  const taken =
    handoff === undefined ? '' : `; took over from ${sayFrom(handoff)}, generation ${lock.holder.generation}`;
  const what = `watching ${path}, ${[started.version, started.fingerprint].filter(Boolean).join(' ')}${taken}`;
  if (started.handoffDisabled) return `${what}; the operator opted out of hand-offs`;
  return `${what}; strategy ${decision.strategy}: ${decision.reasons.join('; ')}`;
}

const sayFrom = ({ part, from }: Handoff) => (part === 'exec' ? 'itself' : `process ${from.pid}`);
