/**
 * One beat of a runner: keep the lock, look at what is installed, begin a hand-off where one is due, write the state.
 * @module
 */

import type { Check } from '../change/detector.ts';
import type { Places } from '../change/places.ts';
import { findMovedProgram } from '../change/running-program.ts';
import { tallyBeat } from '../change/tally.ts';
import { isForeign, isSameProcess } from '../platform/process-id.ts';
import { callHost } from './call-host.ts';
import { considerHandOff, decideAnew } from './hand-off.ts';
import { followDrift } from './role/drift.ts';
import { withoutCall } from './role/journal.ts';
import { lives } from './role/liveness.ts';
import { keepLock, type LockHolder } from './role/lock.ts';
import { type Running, update } from './running.ts';

/** @returns what was seen; undefined where it did not look */
export async function beat(running: Running): Promise<Check | undefined> {
  const isHandingOff = () => running.situation.handingOff !== null;
  const other = isHandingOff() ? undefined : findOther(running);
  if (other !== undefined) await giveWay(running, other);
  if (!isHandingOff()) await running.presence.show(); // again, after a hand-off that failed
  if (!isHandingOff()) await decideAnew(running);
  const seen = isHandingOff() ? undefined : await look(running);
  if (other === undefined) await running.journal.tryWrite(); // else the state is the other's
  return seen;
}

/** Whether what is installed is not looked at: the operator opted out, or this process does not run it. */
const isBlind = ({ settings, elsewhere }: Running) => settings.isOptedOut || elsewhere !== null;

/** Where to listen for a reason to beat sooner. An event moves the look and nothing else: each gate holds as it does at any beat. */
export const whereToListen = async (running: Running): Promise<Places | null> =>
  isBlind(running) ? null : running.detector.whereToListen();

async function look(running: Running): Promise<Check | undefined> {
  if (isBlind(running)) return undefined;
  follow(running);
  const begunMs = performance.now();
  const check = await running.detector.check();
  running.tally = tallyBeat(running.tally, check, performance.now() - begunMs);
  const { fingerprint: started } = running.identity.started;
  const drift = followDrift(running.situation.drift, check, started, Date.now());
  update(running, { verdict: check.verdict, drift });
  if (check.verdict === 'current') update(running, { heldBack: null, postponedSinceMs: null, turn: null });
  if (check.verdict === 'changed') {
    const { fingerprint, versions, changes, reason } = check;
    const doubt = fingerprint === started ? reason : undefined;
    const target = { fingerprint: fingerprint as string, version: versions?.installed ?? null, doubt };
    await considerHandOff(running, target, changes?.added ?? []);
  }
  return beatAtTurn(check, running);
}

/**
 * Else a fleet whose beats were woken by one push would move in step with its beats, and not each at its turn. What is no release now has
 * no turn: it may still be none long after.
 */
function beatAtTurn(check: Check, { situation: { heldBack } }: Running): Check {
  if (check.verdict !== 'changed' || heldBack?.gate !== 'turn' || typeof heldBack.untilMs !== 'number') return check;
  return { ...check, retryInMs: Math.max(1, heldBack.untilMs - Date.now()) };
}

/** A link that was repointed may lead to the program in another folder. */
function follow(running: Running): void {
  const { detectAt, identity } = running;
  const path = detectAt === null ? undefined : findMovedProgram(identity.path);
  if (detectAt === null || path === undefined) return;
  running.detector = detectAt(path);
  running.identity = { ...identity, path };
}

/** Leaves, once another one serves in this one's place. */
async function giveWay(running: Running, other: LockHolder): Promise<void> {
  const { settings, journal, presence, say, hooks, stopped } = running;
  const { pid } = other.process;
  const who = `process ${pid}${isForeign(other.process) ? ' of another PID namespace or machine' : ''}`;
  const state = journal.read();
  if (state?.pid !== pid || state.distprint?.ready !== true || !lives(settings.stateFile, other)) {
    say('lock', `${who} has taken the lock, and does not serve yet`);
    return;
  }
  settings.log(`${who} holds the lock, generation ${other.generation}, and serves; this process leaves`);
  presence.hide();
  await callHost('release', hooks.release, settings.hookTimeoutMs).catch((error) => settings.log(error.message));
  stopped.abort();
  process.exit(0);
}

/** Who holds the lock in our place. Undefined where we hold it, or nobody can tell. */
function findOther({ lock, say, settings }: Running): LockHolder | undefined {
  try {
    const holder = keepLock(lock.base, lock.holder, (other) => lives(settings.stateFile, other));
    if (!isSameProcess(holder.process, lock.holder.process)) return holder;
    lock.holder = holder;
  } catch (error) {
    say('lock', `the lock can't be written at ${lock.base}: ${withoutCall(error)}`);
  }
  return undefined;
}
