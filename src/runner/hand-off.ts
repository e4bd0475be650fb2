/**
 * Decides whether new code is moved to now, and records what came of it.
 * @module
 */

import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { platform } from '../platform/index.ts';
import { leavesZombies } from '../platform/reap.ts';
import { callHost } from './call-host.ts';
import { recordFailure, recordHandOff, weighHandoff } from './handoff/gate.ts';
import { findExecBlocker } from './handoff/launch.ts';
import { hasMark } from './handoff/mark.ts';
import { handOff, type Predecessor, type Target } from './handoff/predecessor.ts';
import type { Step } from './handoff/protocol.ts';
import { type Running, update } from './running.ts';
import { countHandOff } from './situation.ts';
import { findSupervisor, type Supervisor } from './supervisor/find-supervisor.ts';
import { decideStrategy, restBeforeExit, type Strategy } from './supervisor/strategy.ts';
import { becomeChild, type SystemdUnit } from './supervisor/systemd.ts';

/** Which way would be taken now, under the supervisor that is returned. */
export async function decide(running: Running): Promise<Supervisor> {
  const { exitStatus, strategy } = running.settings;
  const given = { parent: process.ppid, leavesZombies: leavesZombies() };
  running.decidedFor = given;
  const supervisor = await findSupervisor(exitStatus, running.predecessor);
  const execBlocker = running.sockets.areGiven()
    ? 'exec would close the socket that was given to it'
    : findExecBlocker();
  const decision = decideStrategy(strategy, {
    supervisor,
    execBlocker,
    hasExec: platform.isPosix,
    exitStatus,
    ...given,
  });
  update(running, { decision });
  return supervisor;
}

/** The unit that must follow a replacement. */
const unitToFollow = ({ situation }: Running, supervisor: Supervisor): SystemdUnit | null =>
  situation.decision.strategy === 'respawn' && supervisor.kind === 'systemd' ? supervisor.unit : null;

/** Decides anew where the parent has ended, and another process has taken this one in; where children came or went. */
export async function decideAnew(running: Running): Promise<void> {
  const { parent, leavesZombies: left } = running.decidedFor;
  const isTakenIn = process.ppid !== parent;
  if (!isTakenIn && leavesZombies() === left) return;
  const unit = unitToFollow(running, await decide(running));
  if (!isTakenIn || unit?.adoption !== 'notify') return;
  await becomeChild(unit).catch(({ message }) =>
    running.settings.log(`a stop of the unit will kill this process at once: ${message}`),
  );
}

/**
 * Begins a hand-off to the target, unless a gate is closed; then the state and the log say which.
 * @param added the files that what started did not have, as written paths
 */
export async function considerHandOff(running: Running, target: Target, added: readonly string[]): Promise<void> {
  const { limits, spreadMs, stateFile } = running.settings;
  const supervisor = await decide(running);
  const { strategy, reasons, advice } = running.situation.decision;
  if (strategy === 'none') {
    const reason = [...reasons, ...(advice === null ? [] : [advice])].join('; ');
    return holdBack(running, target, 'strategy', reason);
  }
  const restMs = strategy === 'exit' ? restBeforeExit(supervisor, process.uptime() * 1_000) : 0;
  const untilMs = Date.now() + restMs;
  if (restMs > 0) return holdBack(running, target, 'throttle', sayThrottle(untilMs), untilMs);
  const isIdle = await canHandOff(running);
  const nowMs = Date.now();
  const spread = { who: nameRunner(stateFile), spreadMs };
  const { judged, history } = weighHandoff(target.fingerprint, running.situation, limits, spread, nowMs, isIdle);
  update(running, history);
  if (!judged.go) return holdBack(running, target, judged.gate, judged.reason, judged.untilMs);
  if (!(await knowsHandOff(running, target, added))) return holdBack(running, target, 'claim', NO_MARK);
  void move(running, target, strategy, unitToFollow(running, supervisor));
}

/** Cloned machines may share an ID, and others a name. */
export const nameRunner = (stateFile: string) =>
  [hostname(), platform.readMachineId() ?? '', resolve(stateFile)].join('\n');

const sayThrottle = (untilMs: number) =>
  `it is too young for launchd to start it again at once (ThrottleInterval); postponed until ${new Date(untilMs).toISOString()}`;

const NO_MARK =
  'no file of it shows that it calls claimRunner, so a rehearsal would run it as a whole; stop this process, and start it by hand';

async function knowsHandOff(running: Running, { fingerprint }: Target, added: readonly string[]): Promise<boolean> {
  if (running.unmarked === fingerprint) return false;
  // Where what started shows no mark, it proves nothing.
  const knows = !(await running.isMarked) || (await isMarked(running, added));
  if (!knows) running.unmarked = fingerprint;
  return knows;
}

/** Whether what is installed shows that it knows the hand-off. */
export const isMarked = ({ identity, detector }: Running, added: readonly string[] = []): Promise<boolean> =>
  hasMark(identity.path, [...added, ...detector.baseline.entries.map(({ path }) => path)]);

/** Milliseconds. The beat waits for the answer. */
const CAN_HAND_OFF_MS = 5_000;

async function canHandOff({ hooks, say }: Running): Promise<boolean> {
  try {
    return (await callHost('canHandOff', hooks.canHandOff, CAN_HAND_OFF_MS)) === true;
  } catch (error) {
    say('host', `${(error as Error).message}; taken for a no`);
    return false;
  }
}

/** @param untilMs Date.now() when the gate opens; Infinity where it never does by itself */
function holdBack(running: Running, target: Target, gate: string, reason: string, untilMs = Infinity): void {
  const opensMs = Number.isFinite(untilMs) ? untilMs : null;
  update(running, { heldBack: { target: target.fingerprint, gate, reason, untilMs: opensMs } });
  running.say('target', `${sayTarget(target)} is installed; ${sayStaying(running)}: ${reason}`);
}

/** This process does not run what is watched, so its fingerprint says nothing, and nor would that of a replacement. */
export function holdBackAlways(running: Running, reason: string): void {
  const { fingerprint } = running.identity.started;
  update(running, { verdict: 'changed', heldBack: { target: fingerprint, gate: 'program', reason, untilMs: null } });
  running.say('target', `no hand-off: ${reason}`);
}

async function move(
  running: Running,
  target: Target,
  strategy: Exclude<Strategy, 'none'>,
  unit: SystemdUnit | null,
): Promise<void> {
  const { settings, journal, stopped } = running;
  const { handOffs, tried, postponedSinceMs, turn } = running.situation;
  const handingOff = { step: 'rehearse', target: target.fingerprint, sinceMs: Date.now() };
  update(running, { heldBack: null, handingOff });
  settings.log(
    `${sayTarget(target)} is installed; handing off (${strategy})${target.doubt === undefined ? '' : `: ${target.doubt}`}`,
  );
  try {
    await handOff(toPredecessor(running, unit, target), strategy, target);
  } catch (error) {
    if (stopped.signal.aborted) return;
    const reason = (error as Error).message;
    const before = { handOffs, tried, postponedSinceMs, turn };
    update(running, recordFailure(before, target, reason, settings.limits, Date.now(), Math.random()));
    const { handOffSeconds } = running.situation;
    update(running, { handOffSeconds: countHandOff(handOffSeconds, 'failed', handingOff.sinceMs, Date.now()) });
    settings.log(`hand-off to ${sayTarget(target)} failed, ${sayStaying(running)}: ${reason}`);
  } finally {
    update(running, { handingOff: null });
    if (!stopped.signal.aborted) journal.reopen();
  }
  await journal.tryWrite();
}

function toPredecessor(running: Running, unit: SystemdUnit | null, { doubt }: Target): Predecessor {
  const { settings, lock, presence, sockets, journal, detector, stopped, hooks } = running;
  return {
    lock,
    sockets,
    unit,
    readyTimeoutMs: settings.readyTimeoutMs,
    proveMs: settings.proveMs,
    drainTimeoutMs: settings.drainTimeoutMs,
    exitStatus: settings.exitStatus,
    stopped: stopped.signal,
    announce: (step) => announce(running, step),
    async isStill({ fingerprint }) {
      const check = await detector.check();
      return check.verdict === 'changed' && check.fingerprint === fingerprint;
    },
    async recordHandOff() {
      // To the same content it is no new release: the breaker does not count it.
      if (doubt === undefined) update(running, recordHandOff(running.situation, settings.limits, Date.now()));
      await journal.write();
    },
    async stopWriting() {
      await journal.close();
      presence.hide();
    },
    release: async () => void (await callHost('release', hooks.release, settings.hookTimeoutMs)),
    resume: () =>
      callHost('resume', hooks.resume, settings.hookTimeoutMs).then(
        () => {},
        (error) => settings.log(error.message),
      ),
  };
}

async function announce(running: Running, step: Step): Promise<void> {
  const { handingOff } = running.situation;
  if (handingOff !== null) update(running, { handingOff: { ...handingOff, step } });
  await running.journal.tryWrite();
  await running.settings.onStep(step);
  if (running.stopped.signal.aborted) throw new Error('the runner was stopped');
}

const sayTarget = ({ version, fingerprint }: Target) =>
  version === null ? fingerprint : `${version} (${fingerprint})`;

const sayStaying = ({ identity: { started } }: Running) => `staying on ${started.version ?? started.fingerprint}`;
