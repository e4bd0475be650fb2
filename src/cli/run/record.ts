/**
 * Keeps a state file, as a runner does, so that `distprint status` and others see what runs: `--state`.
 * @module
 */

import type { Verdict } from '../../change/detector.ts';
import { toToken } from '../../manifest/manifest.ts';
import { identifySelf, type ProcessId } from '../../platform/process-id.ts';
import type { Tried } from '../../runner/handoff/gate.ts';
import { createJournal } from '../../runner/role/journal.ts';
import { createPresence } from '../../runner/role/presence.ts';
import { lockBaseOf, type OwnState, type RunnerState } from '../../runner/role/state-file.ts';
import { takeFreeLock } from '../../runner/role/take-free-lock.ts';
import { toCoverageOptions } from '../../scan/coverage.ts';
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
  const toState = (before: RunnerState | null): RunnerState => {
    const own = toOwnState(wrapper, me, generation, argv);
    const lastHeartbeat = new Date().toISOString();
    return { ...before, pid: me.pid, startTime, lastHeartbeat, ...(own !== null && { distprint: own }) };
  };
  const journal = createJournal(stateFile, toState, (_, line) => log(line));
  const write = () => void journal.tryWrite();
  setInterval(write, wrapper.intervalMs).unref();
  write();
  return { write };
}

/** Null before the first start. Of several watched paths, it is about the first. */
export function toOwnState(
  { state, watched, intervalMs, startsBeside }: Wrapper,
  me: ProcessId,
  generation: number,
  argv: readonly string[],
): OwnState | null {
  const { current, candidate, history, look, heldUntilMs } = state;
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
    heldBack:
      Date.now() < heldUntilMs ? { target, gate: 'breaker', reason: 'too many restarts for new content' } : null,
    tried: history.tried && withDate(history.tried),
    handOffs: history.handOffs,
    postponedSinceMs: null,
  };
}

/** What a beat of a runner would conclude. Null before the first look. */
export function toVerdict({ look, current }: State): Verdict | null {
  if (look === null) return null;
  if (look.state !== 'settled') return look.state === 'missing' ? 'missing' : 'settling';
  return look.content?.key === current?.content?.key && current?.sawOther === false ? 'current' : 'changed';
}

/** The last moment that a date can name stands for never. */
const withDate = (tried: Tried): Tried => ({ ...tried, retryAtMs: Math.min(tried.retryAtMs, LAST_DATE_MS) });
const LAST_DATE_MS = 8.64e15;
