/**
 * The old process's side of a hand-off, step by step (protocol.ts draws it). Whatever fails, this process still runs afterwards,
 * has the role, and listens.
 * @module
 */

import { claim, grant, type Owner, readOwner } from '../role/lock.ts';
import { isAlive, isSameProcess } from '../role/process-id.ts';
import type { Strategy } from '../supervisor/strategy.ts';
import { adopt, type SystemdUnit } from '../supervisor/systemd.ts';
import { type Child, HandoffFailure, startChild } from './child.ts';
import { execAlike, getLaunch } from './launch.ts';
import { HANDOFF_VARIABLE, type Handoff, type Step } from './protocol.ts';
import type { Sockets } from './sockets.ts';

/** The new code that is aimed at. */
export interface Target {
  readonly fingerprint: string;
  readonly version: string | null;
}

export interface HandoffWorld {
  /** Of this process; a new generation where the role was granted and taken back. */
  owner: Owner;
  /** The child that is under way and not yet in our place. */
  child: Child | null;
  readonly lockBase: string;
  readonly sockets: Sockets;
  readonly unit: SystemdUnit | null;
  readonly readyTimeoutMs: number;
  readonly proveMs: number;
  readonly exitStatus: number;
  /** Makes the step known before it is done. */
  announce(step: Step): Promise<void>;
  /** Whether what is installed still is the target. */
  isStill(target: Target): Promise<boolean>;
  /** Remembers, on disk, that the role passes on. @throws where that can't be written */
  remember(): Promise<void>;
  /** The host stops, or takes up again, what must not be done twice. */
  release(): Promise<void>;
  resume(): Promise<void>;
  /** The host ends this process on its own account: then nothing is taken up again. */
  readonly stopped: AbortSignal;
}

const REHEARSAL_LEAVES_MS = 5_000;
const DRAIN_MS = 5_000;

/**
 * Moves to the new code. Returns only where this process stays.
 * @throws HandoffFailure saying why; ERR_DISTPRINT_RUNNING where another took the role meanwhile
 */
export async function handOff(
  world: HandoffWorld,
  strategy: Exclude<Strategy, 'none'>,
  target: Target,
): Promise<never> {
  await rehearse(world, target);
  if (strategy === 'respawn') return respawn(world, target);
  await world.announce(strategy);
  if (!(await world.isStill(target))) throw new HandoffFailure('what is installed changed again');
  await world.remember();
  await world.release();
  if (strategy === 'exit') process.exit(world.exitStatus);
  try {
    return become(world);
  } catch (error) {
    await world.resume();
    throw error;
  }
}

/** Runs the new code up to its claim, aside. */
async function rehearse(world: HandoffWorld, target: Target): Promise<void> {
  await world.announce('rehearse');
  const child = await startChild(toHandoff(world, 'rehearsal'), []);
  world.child = child;
  try {
    const claimed = await child.hear('claim', world.readyTimeoutMs);
    checkClaim(claimed, target);
    if (!(await child.ended(REHEARSAL_LEAVES_MS))) throw new HandoffFailure('it did not leave after its rehearsal');
  } catch (error) {
    await child.terminate();
    throw toFailure(error);
  } finally {
    world.child = null;
  }
}

function checkClaim({ fingerprint, doubt }: { fingerprint: string; doubt: string | null }, target: Target): void {
  if (fingerprint !== target.fingerprint) {
    throw new HandoffFailure(`it runs ${fingerprint}, not ${target.fingerprint}`);
  }
  if (doubt !== null) throw new HandoffFailure(doubt);
}

/** Keeps PID, stdio and children; every other descriptor closes, the listening ones too, at the moment of the change. */
function become(world: HandoffWorld): never {
  try {
    return execAlike(getLaunch(), { [HANDOFF_VARIABLE]: JSON.stringify(toHandoff(world, 'exec')) });
  } catch (error) {
    throw new HandoffFailure(`it can't be executed: ${(error as Error).message}`, { cause: error });
  }
}

function toHandoff({ owner, sockets, readyTimeoutMs, proveMs }: HandoffWorld, role: Handoff['role']): Handoff {
  const ports = sockets.open().map(({ port }) => ({ port, fd: null }));
  return { role, from: owner.process, generation: owner.generation, sockets: ports, grantMs: readyTimeoutMs, proveMs };
}

async function respawn(world: HandoffWorld, target: Target): Promise<never> {
  const { sockets, readyTimeoutMs, proveMs, unit } = world;
  const descriptors = sockets.open().map(({ fd }) => fd);
  const passed = descriptors.filter((fd) => fd !== null);
  const isShared = passed.length === descriptors.length;

  await world.announce('spawn');
  const child = await startChild(toHandoff(world, 'replacement'), isShared ? passed : []);
  world.child = child;
  const done = { release: false, grant: false, adopt: false };
  try {
    checkClaim(await child.hear('claim', readyTimeoutMs), target);

    await world.announce('release');
    await world.remember();
    done.release = true;
    await world.release();

    await world.announce('grant');
    if (!isShared) sockets.release(); // as late as can be: from here on nobody answers, until the other listens
    grant(world.lockBase, world.owner, child.id);
    done.grant = true;
    await child.hear('ready', readyTimeoutMs);
    sockets.release();

    await world.announce('prove');
    await child.hear('alive', proveMs + readyTimeoutMs);

    if (unit !== null) {
      await world.announce('adopt');
      done.adopt = true;
      await adopt(unit, child.id.pid);
    }

    await world.announce('leave');
    await sockets.drain(DRAIN_MS);
    const owner = readOwner(world.lockBase);
    if (owner === undefined || !isSameProcess(owner.process, child.id)) throw new HandoffFailure('it lost the role');
    if (!isAlive(child.id)) throw new HandoffFailure('it ended right after it was ready');
    world.child = null; // from here on it is not ours to end
    process.exit(0);
  } catch (error) {
    await child.terminate();
    world.child = null;
    if (world.stopped.aborted) throw toFailure(error);
    if (done.grant) takeBack(world);
    await sockets.resume();
    if (done.release) await world.resume();
    if (done.adopt && unit !== null) await adopt(unit, process.pid).catch(() => {}); // it follows us anyway while we are the only one
    throw toFailure(error);
  }
}

/** Where that can't be done, for a disk that is full, say, the heartbeat does it later (runner.ts): to answer again must not depend on it. */
function takeBack(world: HandoffWorld): void {
  try {
    world.owner = claim(world.lockBase, world.owner.process);
  } catch {
    // what the hand-off failed for is what is told
  }
}

function toFailure(error: unknown): HandoffFailure {
  if (error instanceof HandoffFailure) return error;
  return new HandoffFailure(error instanceof Error ? error.message : String(error), { cause: error });
}
