/**
 * The old process's side of a hand-off, step by step (protocol.ts draws it). Whatever fails, this process still runs afterwards, holds
 * the lock, and listens.
 * @module
 */

import { listChildren } from '../../platform/proc.ts';
import { isAlive, isSameProcess } from '../../platform/process-id.ts';
import { acquire, grant, type LockHolder, readHolder } from '../role/lock.ts';
import type { Strategy } from '../supervisor/strategy.ts';
import { adopt, type SystemdUnit } from '../supervisor/systemd.ts';
import { type Child, HandoffFailure, startChild } from './child.ts';
import { execAlike, getLaunch, whyNoExec } from './launch.ts';
import { HANDOFF_VARIABLE, type Handoff, type Report, type Step } from './protocol.ts';
import type { Sockets } from './sockets.ts';

/** The new code. */
export interface Target {
  readonly fingerprint: string;
  readonly version: string | null;
  /** Why this process may run something else, where what is installed has the content that it found at its start. */
  readonly doubt?: string | undefined;
}

/** The lock as this process holds it: in a new generation after a grant that was taken back. */
export interface HeldLock {
  readonly base: string;
  holder: LockHolder;
}

/** What a hand-off needs of the process that it leaves. */
export interface Predecessor {
  readonly lock: HeldLock;
  readonly sockets: Sockets;
  /** The systemd unit that must follow the replacement. */
  readonly unit: SystemdUnit | null;
  readonly readyTimeoutMs: number;
  readonly proveMs: number;
  readonly drainTimeoutMs: number;
  readonly exitStatus: number;
  /** Aborted when the host stops the runner. Then nothing is resumed. */
  readonly stopped: AbortSignal;
  /** Makes the step known before it is done. @throws where the runner was stopped */
  announce(step: Step): Promise<void>;
  /** Whether what is installed still is the target. */
  isStill(target: Target): Promise<boolean>;
  /** Writes to the state that the lock passes on. @throws where that fails */
  recordHandOff(): Promise<void>;
  /** Writes no state any more, and waits for the write under way: what comes after this process will. */
  stopWriting(): Promise<void>;
  /** The host stops what must not be done twice. @throws where the host fails, or takes too long */
  release(): Promise<void>;
  /** The host takes that up again. */
  resume(): Promise<void>;
}

const REHEARSAL_LEAVES_MS = 5_000;

/**
 * Moves to the new code. Returns only where this process stays.
 * @throws HandoffFailure saying why; ERR_DISTPRINT_RUNNING where another process took the lock meanwhile
 */
export async function handOff(old: Predecessor, strategy: Exclude<Strategy, 'none'>, target: Target): Promise<never> {
  await rehearse(old, target);
  if (strategy === 'respawn') return respawn(old, target);
  await old.announce(strategy);
  await assertStill(old, target);
  if (strategy === 'exec') assertExecutable(); // before the host releases anything
  await old.recordHandOff();
  try {
    await old.release();
    await assertStill(old, target); // releasing may take seconds
    await old.stopWriting(); // a write cut off by exec or exit leaves its temporary file
    old.stopped.throwIfAborted(); // whoever stopped the runner ends the process, with a status of its own
    if (strategy === 'exit') process.exit(old.exitStatus);
    return await become(old);
  } catch (error) {
    if (!old.stopped.aborted) await old.resume();
    throw toFailure(error);
  }
}

function assertExecutable(): void {
  const problem = whyNoExec();
  if (problem !== null) throw new HandoffFailure(`it can't be executed: ${problem}`);
}

async function assertStill(old: Predecessor, target: Target): Promise<void> {
  if (!(await old.isStill(target))) throw new HandoffFailure('what is installed changed again');
}

/** Runs the new code aside: up to its `claimRunner`, or, where its host can, until it is ready. */
async function rehearse(old: Predecessor, target: Target): Promise<void> {
  await old.announce('rehearse');
  const child = await startChild(toHandoff(old, 'rehearsal'), [], old.stopped);
  try {
    const loaded = await child.hear('loaded', old.readyTimeoutMs);
    assertIsTarget(loaded, target);
    if (loaded.goesOn) await child.hear('rehearsed', old.readyTimeoutMs);
    if (!(await child.ended(REHEARSAL_LEAVES_MS))) throw new HandoffFailure('it did not leave after its rehearsal');
  } catch (error) {
    await child.terminate();
    throw toFailure(error);
  }
}

function assertIsTarget({ fingerprint, doubt }: Extract<Report, { at: 'loaded' }>, target: Target): void {
  if (fingerprint !== target.fingerprint) {
    throw new HandoffFailure(`it runs ${fingerprint}, not ${target.fingerprint}`);
  }
  if (doubt !== null) throw new HandoffFailure(doubt);
}

/** PID, stdio and children stay. All other descriptors close, listening sockets too. */
async function become(old: Predecessor): Promise<never> {
  try {
    const told: Handoff = { ...toHandoff(old, 'exec'), children: listChildren('self') };
    return await execAlike(getLaunch(), { [HANDOFF_VARIABLE]: JSON.stringify(told) }, old.stopped);
  } catch (error) {
    throw new HandoffFailure(`it can't be executed: ${(error as Error).message}`, { cause: error });
  }
}

function toHandoff({ lock, sockets, readyTimeoutMs, proveMs }: Predecessor, part: Handoff['part']): Handoff {
  const { process: from, generation } = lock.holder;
  const open = sockets.open().map((socket) => ({ ...socket, fd: null }));
  return { part, from, generation, sockets: open, grantMs: readyTimeoutMs, proveMs };
}

async function respawn(old: Predecessor, target: Target): Promise<never> {
  await old.announce('spawn');
  const child = await startChild(toHandoff(old, 'replacement'), old.sockets.share(), old.stopped);
  /** What leads back, the last step first. */
  const wayBack: (() => unknown)[] = [];
  try {
    assertIsTarget(await child.hear('loaded', old.readyTimeoutMs), target);
    await releaseHost(old, wayBack);
    await passOn(old, child, wayBack);
    await adoptChild(old, child, wayBack);
    await old.announce('leave');
    await old.sockets.drain(old.drainTimeoutMs);
    assertServes(old, child);
    child.letGo();
    process.exit(0);
  } catch (error) {
    await child.terminate();
    if (!old.stopped.aborted) for (const goBack of wayBack) await goBack();
    throw toFailure(error);
  }
}

async function releaseHost(old: Predecessor, wayBack: (() => unknown)[]): Promise<void> {
  await old.announce('release');
  await old.recordHandOff();
  wayBack.unshift(old.resume);
  await old.release();
}

async function passOn(old: Predecessor, child: Child, wayBack: (() => unknown)[]): Promise<void> {
  await old.announce('grant');
  await old.stopWriting();
  wayBack.unshift(() => old.sockets.resume());
  grant(old.lock.base, old.lock.holder, child.id);
  wayBack.unshift(() => takeBack(old.lock));
  const { at } = await child.hear(['ready', 'busy'], old.readyTimeoutMs);
  old.sockets.release(); // as late as can be: from `busy` on, nobody answers until the replacement listens
  if (at === 'busy') await child.hear('ready', old.readyTimeoutMs);
  await old.announce('prove');
  await child.hear('alive', old.proveMs + old.readyTimeoutMs);
}

async function adoptChild({ unit, announce }: Predecessor, child: Child, wayBack: (() => unknown)[]): Promise<void> {
  if (unit === null) return;
  await announce('adopt');
  // Last of all, for it may take seconds; systemd follows us anyway when we are the only one.
  wayBack.push(() => adopt(unit, process.pid).catch(() => {}));
  await adopt(unit, child.id.pid);
}

/** Where there is no lock at all, somebody deleted its folder: the replacement's next beat writes it again. */
function assertServes({ lock }: Predecessor, child: Child): void {
  const holder = readHolder(lock.base);
  if (holder !== undefined && !isSameProcess(holder.process, child.id)) throw new HandoffFailure('it lost the lock');
  if (!isAlive(child.id)) throw new HandoffFailure('it ended right after it was ready');
}

/** If the lock cannot be written (disk full), serve anyway: the next beat tries again. */
function takeBack(lock: HeldLock): void {
  try {
    lock.holder = acquire(lock.base, lock.holder.process);
  } catch {
    // the failure of the hand-off is what is told
  }
}

function toFailure(error: unknown): HandoffFailure {
  if (error instanceof HandoffFailure) return error;
  return new HandoffFailure(error instanceof Error ? error.message : String(error), { cause: error });
}
