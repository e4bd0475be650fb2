/**
 * Keeps a state file, as a runner does, so that `distprint status` and others see what runs: `--state`.
 * @module
 */

import { toToken } from '../../manifest/manifest.ts';
import { identify, identifySelf, type ProcessId } from '../../platform/process-id.ts';
import type { Tried } from '../../runner/handoff/gate.ts';
import { createJournal } from '../../runner/role/journal.ts';
import { createPresence } from '../../runner/role/presence.ts';
import { type Drift, lockBaseOf, type OwnState, type RunnerState } from '../../runner/role/state-file.ts';
import { takeFreeLock } from '../../runner/role/take-free-lock.ts';
import { toCoverageOptions } from '../../scan/coverage.ts';
import { createDrift, toVerdict } from './drift.ts';
import { createNoteOnce } from './say.ts';
import { isRunning, type State, type Wrapper } from './wrapper.ts';

export interface Record {
  write(): void;
}

const HOOK_TIMEOUT_MS = 10_000;

/**
 * From now on this process is who the file is about.
 * @throws ERR_DISTPRINT_RUNNING where another one is, and lives; the operating system's errors as they are
 */
export async function startRecord(wrapper: Wrapper, stateFile: string, argv: readonly string[]): Promise<Record> {
  const lockBase = lockBaseOf(stateFile);
  const me: ProcessId = identifySelf(lockBase) ?? { pid: process.pid, started: '' };
  const presence = createPresence(stateFile, me);
  const log = createNoteOnce(wrapper.say);
  const claim = {
    me,
    lockBase,
    stateFile,
    presence,
    whenRunning: 'refuse',
    hookTimeoutMs: HOOK_TIMEOUT_MS,
    log,
  } as const;
  const { generation } = await takeFreeLock(claim);
  const startTime = new Date().toISOString();
  const findDrift = createDrift(wrapper);
  let drift: Drift | null = null;
  const toState = (before: RunnerState | null): RunnerState => {
    const known = toOwnState(wrapper, me, generation, argv);
    const own = known && { ...known, drift, command: findCommand(wrapper) };
    const lastHeartbeat = new Date().toISOString();
    return { ...before, pid: me.pid, startTime, lastHeartbeat, ...(own !== null && { distprint: own }) };
  };
  const journal = createJournal(stateFile, toState, (_, line) => log(line));
  const write = async () => {
    drift = await findDrift();
    await journal.tryWrite();
  };
  setInterval(write, wrapper.intervalMs).unref();
  void write();
  return { write: () => void write() };
}

/** Null before the first start. Of several watched paths, it is about the first. */
export function toOwnState(
  { state, watched, intervalMs, startsBeside }: Wrapper,
  me: ProcessId,
  generation: number,
  argv: readonly string[],
): OwnState | null {
  const { current, candidate, history, look } = state;
  const tree = current?.content?.trees[0];
  const [watchedPath] = watched.paths;
  if (current === null || tree === undefined || watchedPath === undefined) return null;
  const { fingerprint, pass } = tree;
  const target = candidate?.content?.key ?? look?.content?.key ?? fingerprint;
  return {
    format: 2,
    started: me.started,
    generation,
    path: watchedPath.path,
    coverage: toCoverageOptions(pass.subject.coverage),
    version: pass.subject.version,
    fingerprint,
    token: toToken(fingerprint),
    argv,
    handoffDisabled: false,
    intervalMs,
    ready: isRunning(state) && current.isReady,
    verdict: toVerdict(state),
    decision: {
      strategy: startsBeside ? 'start-first' : 'stop-first',
      supervisor: 'distprint run',
      reasons: [`it runs ${argv[0]}, process ${current.child.pid}`],
      advice: null,
    },
    handingOff:
      candidate === null
        ? null
        : { step: 'start', target, sinceMs: Date.now() - performance.now() + candidate.child.startedMs },
    heldBack: findGate(state, target),
    tried: history.tried && withDate(history.tried),
    handOffs: history.handOffs,
    postponedSinceMs: null,
  };
}

function findGate({ heldUntilMs, history, look, current }: State, target: string): OwnState['heldBack'] {
  if (Date.now() < heldUntilMs)
    return { target, gate: 'breaker', reason: 'too many restarts for new content', untilMs: heldUntilMs };
  const { tried } = history;
  const isTried =
    tried !== null && tried.fingerprint === look?.content?.key && look.content.key !== current?.content?.key;
  if (!isTried) return null;
  const reason = `it failed (${tried.reason}) and is not tried again before it changes`;
  return { target, gate: 'back-off', reason, untilMs: null };
}

/** The process that runs what is watched, or what waits for it: a shell, say. Null while none runs. */
function findCommand({ state }: Wrapper): ProcessId | null {
  const { pid } = state.current?.child ?? {};
  return (isRunning(state) && pid !== undefined && identify(pid)) || null;
}

/** The last moment that a date can name stands for never. */
const withDate = (tried: Tried): Tried => ({ ...tried, retryAtMs: Math.min(tried.retryAtMs, LAST_DATE_MS) });
const LAST_DATE_MS = 8.64e15;
