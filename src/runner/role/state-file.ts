/**
 * `runner.state.json`: what a runner tells other processes, and its own successors. Only the lock holder writes it.
 * @module
 */

import { mkdirSync, readdirSync, renameSync, rmSync, type Stats, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import * as v from 'valibot';
import type { Histogram } from '../../change/histogram.ts';
import { mayOthersWrite, readWholeFile } from '../../disk/whole-file.ts';
import { writeFileAtomic } from '../../disk/write-file.ts';
import { DistprintError, errnoOf, isDistprintError } from '../../errors.ts';
import type { FileDifference } from '../../manifest/diff.ts';
import { LIVE_FILE } from '../../platform/live-file.ts';
import { isWindows } from '../../platform/paths.ts';
import type { Kind } from '../../scan/coverage.ts';

/** A time for people. Ours are ISO 8601; a host may write another form. */
const Time = v.union([v.string(), v.number()]);
const Pid = v.pipe(v.number(), v.integer(), v.minValue(1));
const Ms = v.pipe(v.number(), v.finite());

const Counted = v.object({
  bounds: v.pipe(v.array(v.number()), v.readonly()),
  counts: v.pipe(v.array(v.number()), v.readonly()),
  sum: v.number(),
});

const Tried = v.object({
  fingerprint: v.string(),
  version: v.nullable(v.string()),
  reason: v.string(),
  failures: v.number(),
  atMs: Ms,
  retryAtMs: Ms,
});

const Name = v.nullable(v.string());
const Differs = v.object({ path: v.string(), from: Name, to: Name });

const Drifted = v.object({
  from: v.string(),
  to: Name,
  sinceMs: Ms,
  rule: Name,
  reason: Name,
  versions: v.nullable(v.object({ from: Name, to: Name })),
  files: v.nullable(v.number()),
  differences: v.pipe(v.array(Differs), v.readonly()),
});

/** The part that is distprint's own. Times in it are Date.now(). */
const Own = v.looseObject({
  format: v.literal(2),
  /** With `pid`, names the process (process-id.ts). */
  started: v.string(),
  generation: v.number(),
  /** What is watched. */
  path: v.pipe(v.string(), v.excludes('\0')),
  coverage: v.object({
    kind: v.optional(v.picklist(['package', 'executable', 'directory'])),
    include: v.optional(v.pipe(v.array(v.string()), v.readonly())),
    exclude: v.optional(v.pipe(v.array(v.string()), v.readonly())),
  }),
  /** Of what started. */
  version: v.nullable(v.string()),
  fingerprint: v.string(),
  token: v.number(),
  argv: v.pipe(v.array(v.string()), v.readonly()),
  /** Whether the operator opted out at the start. */
  handoffDisabled: v.boolean(),
  /** Milliseconds from one heartbeat to the next. Null once it was stopped: there is no next one. */
  intervalMs: v.nullable(Ms),
  ready: v.boolean(),
  /** Of the last beat. Null where drift is not checked. */
  verdict: v.nullable(v.string()),
  decision: v.object({
    strategy: v.string(),
    supervisor: v.string(),
    reasons: v.pipe(v.array(v.string()), v.readonly()),
    advice: v.nullable(v.string()),
  }),
  /** The hand-off under way: the last step announced, and its target. */
  handingOff: v.nullable(v.object({ step: v.string(), target: v.string(), sinceMs: Ms })),
  /** Why a hand-off is due and does not begin. */
  heldBack: v.nullable(
    v.object({ target: v.string(), gate: v.string(), reason: v.string(), untilMs: v.optional(v.nullable(Ms)) }),
  ),
  tried: v.nullable(Tried),
  handOffs: v.pipe(v.array(Ms), v.readonly()),
  /** A release from before it was counted has none. */
  handOffSeconds: v.optional(v.object({ succeeded: Counted, failed: Counted })),
  postponedSinceMs: v.nullable(Ms),
  // A release from before these were told has none of them.
  turn: v.optional(v.nullable(v.object({ target: v.string(), sinceMs: Ms, waitMs: Ms }))),
  drift: v.optional(v.nullable(Drifted)),
  command: v.optional(v.nullable(v.object({ pid: Pid, started: v.string() }))),
});

/** A host may keep a state of its own in the same file, so only what is used here is asked for. */
const State = v.looseObject({
  pid: Pid,
  httpPort: v.optional(v.number()),
  startTime: v.optional(Time),
  lastHeartbeat: v.optional(Time),
  distprint: v.optional(Own),
});

// Spelled out: inferred types would need those of valibot, which is not installed with the package.

/** How long hand-offs took, by their outcome. */
export type HandOffSeconds = Readonly<Record<'succeeded' | 'failed', Histogram>>;

/** How what is installed differs from what started, as the last heartbeat saw it. */
export interface Drift {
  /** The fingerprint of what started. */
  from: string;
  /** That of what is installed. Null where it can't be told. */
  to: string | null;
  /** Of the first heartbeat that saw something else than what started. */
  sinceMs: number;
  /** What it waits for until it is a release (`Check.rule`), or `missing`. Null once it has settled. */
  rule: string | null;
  /** For people. */
  reason: string | null;
  versions: { from: string | null; to: string | null } | null;
  /** How many files differ. Null where it has not settled. */
  files: number | null;
  /** The first of them. */
  differences: readonly FileDifference[];
}

/** The part of the state under `distprint`. Times are milliseconds since 1970. */
export interface OwnState {
  format: 2;
  started: string;
  generation: number;
  path: string;
  coverage: {
    kind?: Kind | undefined;
    include?: readonly string[] | undefined;
    exclude?: readonly string[] | undefined;
  };
  version: string | null;
  fingerprint: string;
  token: number;
  argv: readonly string[];
  handoffDisabled: boolean;
  intervalMs: number | null;
  ready: boolean;
  verdict: string | null;
  decision: { strategy: string; supervisor: string; reasons: readonly string[]; advice: string | null };
  handingOff: { step: string; target: string; sinceMs: number } | null;
  /** `untilMs`: when its gate opens, where that is known. */
  heldBack: { target: string; gate: string; reason: string; untilMs?: number | null | undefined } | null;
  tried: {
    fingerprint: string;
    version: string | null;
    reason: string;
    failures: number;
    atMs: number;
    retryAtMs: number;
  } | null;
  handOffs: readonly number[];
  handOffSeconds?: HandOffSeconds | undefined;
  postponedSinceMs: number | null;
  turn?: { target: string; sinceMs: number; waitMs: number } | null | undefined;
  drift?: Drift | null | undefined;
  /** Of `distprint run`: the process of the command, which runs what is watched. */
  command?: { pid: number; started: string } | null | undefined;
  [unknown: string]: unknown;
}

/** What `runner.state.json` holds. Fields of others survive a write. */
export interface RunnerState {
  pid: number;
  httpPort?: number | undefined;
  startTime?: string | number | undefined;
  lastHeartbeat?: string | number | undefined;
  distprint?: OwnState | undefined;
  [unknown: string]: unknown;
}

/**
 * `$DISTPRINT_STATE_FILE`, else `distprint/runner.state.json` in the user's state directory (XDG Base Directory Specification; on
 * Windows `%LOCALAPPDATA%`).
 * @throws ERR_DISTPRINT_OPTION where the user has no home directory
 */
export function defaultStateFile(env: NodeJS.ProcessEnv = process.env): string {
  const folder = env.XDG_STATE_HOME || (isWindows && env.LOCALAPPDATA) || findHomeStates();
  return env.DISTPRINT_STATE_FILE || join(folder, 'distprint', 'runner.state.json');
}

function findHomeStates(): string {
  try {
    return join(homedir(), '.local', 'state');
  } catch (error) {
    const message =
      'there is no home directory to keep the state in: set DISTPRINT_STATE_FILE, or the option stateFile';
    throw new DistprintError('ERR_DISTPRINT_OPTION', message, { cause: error });
  }
}

/** The lock's files lie beside the state. */
export const lockBaseOf = (stateFile: string) => `${stateFile.replace(/\.json$/, '')}.lock`;

/** No state is larger: the words of a command line may take 2 MiB. */
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * What the file says; null where there is none.
 * @throws ERR_DISTPRINT_STATE where it can't be read or trusted, and why
 */
export function readState(path: string): RunnerState | null {
  const refuse = (why: string, cause?: unknown) =>
    new DistprintError('ERR_DISTPRINT_STATE', `${path} ${why}`, { path, ...(cause !== undefined && { cause }) });
  let text: string;
  try {
    const { bytes, stats } = readWholeFile(path, MAX_BYTES);
    if (process.getuid !== undefined && stats.uid !== process.getuid())
      throw refuse(`belongs to another user (${stats.uid})`);
    if (mayOthersWrite(stats))
      throw refuse(`can be written by others (mode ${toMode(stats)}): remove it, or take that right from them`);
    text = bytes.toString('utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    if (isDistprintError(error, 'ERR_DISTPRINT_STATE')) throw error;
    throw refuse(`can't be read: ${(error as Error).message}`, error);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refuse(`is damaged: ${(error as Error).message}`, error);
  }
  const parsed = v.safeParse(State, value);
  if (parsed.success) return parsed.output;
  const issue = parsed.issues[0];
  const where = v.getDotPath(issue) ?? 'all of it';
  if (where === 'distprint.format') throw refuse(`is of another format (${String(issue.input)}); this version reads 2`);
  throw refuse(`is damaged: at ${where}, ${issue.message}`);
}

/**
 * Reads what a runner may build on. A file that can't be trusted is renamed, and `note` is told.
 * @throws ERR_DISTPRINT_STATE where the system is short of something: the file may well be sound
 */
export function readOrSetAside(path: string, note: (what: string) => void): RunnerState | null {
  try {
    return readState(path);
  } catch (error) {
    if (SHORTAGES.has(errnoOf((error as Error).cause) ?? '')) throw error;
    const aside = `${path}.set-aside-${Date.now()}`;
    try {
      renameSync(path, aside);
      note(`${(error as Error).message}; it is set aside as ${aside}`);
    } catch (cause) {
      note(`${(error as Error).message}; it can't be set aside (${(cause as Error).message})`);
    }
    return null;
  }
}

/**
 * Who may write to the folder may put a lock or a state of theirs in our place, also where a sticky bit (/tmp) keeps ours from being removed.
 * @throws ERR_DISTPRINT_STATE where others may
 */
export function assertOwnFolder(stateFile: string): void {
  const folder = dirname(stateFile);
  const stats = statSync(folder, { throwIfNoEntry: false });
  if (stats === undefined || process.getuid === undefined) return; // it is made for us
  const isTheirs = ![0, process.getuid()].includes(stats.uid);
  if (!isTheirs && !mayOthersWrite(stats)) return;
  const why = isTheirs ? `belongs to another user (${stats.uid})` : `can be written by others (mode ${toMode(stats)})`;
  const message = `${folder} ${why}, who could forge the state there: give a stateFile in a folder of its own, which is made if it is missing`;
  throw new DistprintError('ERR_DISTPRINT_STATE', message, { path: folder });
}

const toMode = ({ mode }: Stats) => `0${(mode & 0o7777).toString(8)}`;

const SHORTAGES = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EIO']);

/**
 * Writes the state, atomically, readable by its owner only (0600). A missing folder is made (0700).
 * @throws the operating system's errors as they are
 */
export async function writeState(path: string, state: RunnerState): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
}

/**
 * Removes what killed processes left: temporary files, and beacons (beacon.ts). For the lock holder, who alone writes the state: a temporary
 * file of it is nobody's, however young. One of the lock may be of a claim under way.
 */
export function removeLeftovers(path: string): void {
  const [state, lock] = [basename(path), basename(lockBaseOf(path))];
  const isOfState = (name: string) =>
    name.startsWith(`${state}.`) && /^\.[\da-f]{16}\.tmp$/.test(name.slice(state.length));
  const isOfLock = (name: string) =>
    name.startsWith(`${lock}.`) && (/\.(?:tmp|sock)$/.test(name) || LIVE_FILE.test(name));
  try {
    for (const name of readdirSync(dirname(path))) {
      const file = join(dirname(path), name);
      if (isOfState(name) || (isOfLock(name) && isOld(file))) remove(file);
    }
  } catch {
    // the folder can't be listed or written
  }
}

function remove(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // on Windows, somebody has it open: the live file of a process that lives (live-file.ts)
  }
}

function isOld(file: string): boolean {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats !== undefined && Date.now() - stats.mtimeMs > LEFTOVER_MS;
}

/** No claim takes so long. */
const LEFTOVER_MS = 60_000;
