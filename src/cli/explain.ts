/**
 * Why a runner runs what it runs: what differs, which rule decided, and what the operator can do. Pure.
 * @module
 */

import { GATES } from '../change/metrics.ts';
import type { FileDifference } from '../manifest/diff.ts';
import { isWindows } from '../platform/paths.ts';
import { isForeign } from '../platform/process-id.ts';
import { quoteForShell } from '../platform/shell.ts';
import type { OwnState } from '../runner/role/state-file.ts';
import { isBeingRestarted, type RunnerStatus } from '../runner/role/status.ts';

/** Times are milliseconds since 1970. */
export interface Why {
  /** The one that decided: `current`, a gate, what a tree waits for until it is a release, or what keeps us from telling (docs/cli.md). */
  readonly rule: string;
  /** `nothing` is to be done, it will move by itself (`wait`), it is moving (`move`), or it will `stay` until the operator acts. */
  readonly outcome: 'nothing' | 'wait' | 'move' | 'stay';
  /** For people. */
  readonly reason: string;
  /** Since when something else than what started is installed. */
  readonly sinceMs: number | null;
  /** When the rule ends, where that is known. */
  readonly untilMs: number | null;
  readonly versions: { readonly from: string | null; readonly to: string | null } | null;
  /** How many files differ. */
  readonly files: number | null;
  /** The first of them. */
  readonly differences: readonly FileDifference[];
  /** What the operator can do. */
  readonly next: string | null;
}

/** Whether `status` and `doctor` have no line of their own for it. Where no file differs, only the reason says what does. */
export const isUntold = ({ rule, files }: Why): boolean => files === 0 || !TOLD.has(rule);
const TOLD = new Set(['current', 'executable', 'none', 'unknown', 'not-ready', 'under-way', 'opted-out', ...GATES]);

type Answer = Pick<Why, 'rule' | 'outcome' | 'reason'> & Partial<Pick<Why, 'untilMs' | 'next'>>;

export function explain(found: RunnerStatus, nowMs: number): Why {
  const drift = findDrift(found);
  const answer = decide(found, nowMs);
  return {
    sinceMs: drift?.sinceMs ?? null,
    untilMs: null,
    versions: drift?.versions ?? null,
    files: drift?.files ?? null,
    differences: drift?.differences ?? [],
    next: null,
    ...answer,
  };
}

/** A release from before it was told keeps that of the runner before it, which is of other code. */
function findDrift({ state, isRunning }: RunnerStatus) {
  const own = isRunning ? state?.distprint : undefined;
  return own?.drift?.from === own?.fingerprint ? own?.drift : undefined;
}

function decide(found: RunnerStatus, nowMs: number): Answer {
  const { isRunning, problem, state, stateFile } = found;
  if (isRunning === null || problem !== null) {
    const reason = problem ?? 'this user may not look at the process that holds the lock';
    return { rule: 'unknown', outcome: 'stay', reason, next: problem === null ? 'ask as the user who runs it' : null };
  }
  if (!isRunning) return isBeingRestarted(state) ? RESTARTING : NOBODY;
  const own = state?.distprint;
  if (own === undefined)
    return { rule: 'not-ready', outcome: 'wait', reason: `it has written no state to ${stateFile} yet` };
  return decideOfRunning(found, own, nowMs);
}

const NOBODY = { rule: 'none', outcome: 'stay', reason: 'no runner runs' } as const;
const RESTARTING = {
  rule: 'under-way',
  outcome: 'move',
  reason: 'it ended so that its supervisor starts the new code',
} as const;

function decideOfRunning(found: RunnerStatus, own: OwnState, nowMs: number): Answer {
  const { handingOff, ready, handoffDisabled, heldBack } = own;
  const verdict = found.installed?.verdict;
  if (handingOff !== null) {
    const reason = `a hand-off is under way: ${handingOff.step}, to ${handingOff.target}`;
    return { rule: 'under-way', outcome: 'move', reason };
  }
  if (!ready) {
    return { rule: 'not-ready', outcome: 'wait', reason: 'it does not say that it serves', next: 'read its log' };
  }
  if (handoffDisabled && verdict === 'changed') {
    const next = `${sayRestart(found, own)}; without the variable that opts out (DISTPRINT_DISABLE_HANDOFF, unless its program names another) it would move by itself`;
    return { rule: 'opted-out', outcome: 'stay', reason: 'the operator disabled the hand-off', next };
  }
  if (heldBack?.gate === 'program') return explainGate(found, own, heldBack);
  const drift = findDrift(found);
  const isDoubtful = drift?.to === own.fingerprint; // what is installed has the fingerprint, and what runs may have another
  if (verdict === 'current' && !isDoubtful) return explainCurrent(found, own);
  const stopped = explainStopped(found, own, nowMs);
  if (stopped !== null) return stopped;
  const isBack = drift?.rule === 'missing' && verdict !== 'missing'; // it was installed again since its last heartbeat
  if (drift?.rule != null && !isBack) {
    const reason = drift.reason ?? 'it is no release yet';
    return { rule: drift.rule, outcome: 'wait', reason, next: sayNextOfRelease(drift.rule, own.path) };
  }
  if (heldBack !== null) return explainGate(found, own, heldBack);
  if (verdict === 'missing')
    return { rule: 'missing', outcome: 'wait', reason: 'nothing is installed', next: 'install it again' };
  // It has changed since the last heartbeat, or there was none since.
  return { rule: 'unseen', outcome: 'wait', reason: 'its next heartbeat will look at what is installed' };
}

function explainCurrent(found: RunnerStatus, own: OwnState): Answer {
  const { executable } = found;
  if (executable === null || executable.state === 'installed')
    return { rule: 'current', outcome: 'nothing', reason: 'it runs what is installed' };
  const reason = `it runs from an executable that was ${executable.state} since it started: ${executable.path}`;
  const next =
    executable.state === 'deleted'
      ? `before a restart: install ${executable.path} again, unless what starts it leads to another one by now`
      : `${sayRestart(found, own)}; else the next hand-off takes what is there then`;
  return { rule: 'executable', outcome: 'nothing', reason, next };
}

/** By the gates of runner/handoff/gate.ts and runner/hand-off.ts. One of a later release has no advice here. */
function explainGate(found: RunnerStatus, own: OwnState, held: NonNullable<OwnState['heldBack']>): Answer {
  const { gate } = held;
  const doubt = findDrift(found)?.reason;
  const reason = doubt == null ? held.reason : `${held.reason}; ${doubt}`;
  const untilMs = held.untilMs ?? null;
  const restart = sayRestart(found, own);
  const isAsked = gate === 'back-off' && own.decision.supervisor === WRAPPER;
  const next: Record<string, string> = {
    'back-off': isAsked
      ? `to try it again: ${restart}`
      : 'install a release that works: other content is tried at once',
    breaker: `find out what installs so often; to move now: ${restart}`,
    turn: `nothing: it moves by itself; to move now: ${restart}`,
    throttle: 'nothing: it moves by itself, once launchd would start it again',
    idle: `nothing: it moves once it is idle; to move now: ${restart}`,
    strategy: own.decision.advice ?? restart,
    claim: restart,
    program: restart,
  };
  const waits = ['breaker', 'turn', 'idle', 'throttle'].includes(gate) || (gate === 'back-off' && untilMs !== null);
  return { rule: gate, outcome: waits ? 'wait' : 'stay', reason, untilMs, next: pick(next, gate) ?? null };
}

const WRAPPER = 'distprint run';

/** Until what is installed is a release. */
function sayNextOfRelease(rule: string, path: string): string {
  if (rule === 'seal') return `once the build is whole: distprint seal ${quote(path)}`;
  if (rule === 'npm') return 'let npm end; where none runs, install again';
  if (rule === 'unfinished')
    return 'end the build or the install; else it is taken as it is once it was quiet for longer';
  if (rule === 'missing') return 'install it again';
  if (rule === 'unreadable') return 'let the user who runs it read it';
  return `nothing: it goes on once all is quiet; to see what moves: distprint watch ${quote(path)}`;
}

/** Where it looks no more, what its last heartbeat said it waits for never comes. Null where it looks. */
function explainStopped(found: RunnerStatus, own: OwnState, nowMs: number): Answer | null {
  const { lastHeartbeat } = found.state ?? {};
  const beatMs = new Date(lastHeartbeat ?? Number.NaN).getTime();
  const isLate = own.intervalMs !== null && nowMs - beatMs > LATE_INTERVALS * own.intervalMs + LONGEST_BEAT_MS;
  if (own.intervalMs !== null && !isLate) return null;
  const reason = isLate
    ? `its last heartbeat was at ${lastHeartbeat}: it hangs, or was stopped`
    : 'its heartbeat was ended, so it looks no more';
  return { rule: 'unseen', outcome: 'stay', reason, next: sayRestart(found, own) };
}

const LATE_INTERVALS = 3;
/** The host alone may take 5 s to say whether it is idle. */
const LONGEST_BEAT_MS = 10_000;

function sayRestart({ holder }: RunnerStatus, { decision: { supervisor } }: OwnState): string {
  const pid = holder?.process.pid;
  if (holder !== null && isForeign(holder.process) && supervisor !== 'container')
    return `restart it where it runs: process ${pid} of another PID namespace or machine`; // here, that PID is another's
  const commands: Record<string, string> = {
    [WRAPPER]: `kill -USR2 ${pid}`,
    systemd: `systemctl restart UNIT (systemctl status ${pid} names it)`,
    supervisord: 'supervisorctl restart NAME',
    pm2: 'pm2 restart NAME',
    runit: 'sv restart SERVICE',
    s6: 's6-svc -r SERVICEDIR',
    openrc: 'rc-service NAME restart',
    launchd: 'launchctl kickstart -k TARGET',
    container: 'restart its container',
  };
  return pick(commands, supervisor) ?? `${isWindows ? `taskkill /F /PID ${pid}` : `kill ${pid}`}, and start it again`;
}

/** The key is of a file that anybody may have written. */
const pick = (table: Readonly<Record<string, string>>, key: string) =>
  Object.hasOwn(table, key) ? table[key] : undefined;

/** As a shell takes it. What a terminal would obey is written as its bytes; a shell that knows no `$'…'` takes them for plain text. */
function quote(path: string): string {
  if (isWindows) return /[^\w.\\/@:+~-]/.test(path) ? `"${path}"` : path;
  if (!/[^\w./@:+-]/.test(path)) return path;
  return /\p{Cc}/u.test(path) ? `$'${path.replace(/[\p{Cc}'\\]/gu, toOctal)}'` : quoteForShell(path);
}

const toOctal = (text: string) =>
  [...Buffer.from(text)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
