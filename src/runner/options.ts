/**
 * What a host may set, and what holds where it sets nothing.
 * @module
 */

import type { DetectorOptions } from '../change/detector.ts';
import { DEFAULT_INTERVAL_MS } from '../change/heartbeat.ts';
import { MAX_TIMER_MS } from '../change/repeat.ts';
import { DistprintError } from '../errors.ts';
import { DEFAULT_LIMITS, type Limits } from './handoff/gate.ts';
import type { Step } from './handoff/protocol.ts';
import { createLog } from './log.ts';
import { defaultStateFile } from './role/state-file.ts';
import type { WhenRunning } from './role/take-free-lock.ts';
import type { Started } from './situation.ts';
import { STRATEGIES, type Strategy } from './supervisor/strategy.ts';

/** What the host does in a hand-off. Each may be asynchronous. */
export interface HostHooks {
  /** Idle gate: whether this is a good moment. Asked each beat while new code waits; a throw, or no answer within 5 s, counts as no. */
  canHandOff?: () => boolean | Promise<boolean>;
  /** Stops what must not be done twice, before the lock passes on. Where it throws or is late, the hand-off fails and `resume` is called. */
  release?: () => unknown;
  /** Takes it up again, after a hand-off that failed. */
  resume?: () => unknown;
}

/** Where a rehearsal listens, in the order of its calls of `listen`. */
export interface RehearsedAt {
  /** Of 127.0.0.1. */
  readonly ports: readonly number[];
  readonly paths: readonly string[];
}

/** Whether what listens there works. `true`: to have called `ready` is enough. */
export type Probe = true | ((at: RehearsedAt) => boolean | Promise<boolean>);

/** What a host may set. docs/runner.md says what each callback may do. */
export interface RunnerOptions extends Partial<Omit<DetectorOptions, 'baseline'>>, HostHooks {
  /** Where the state is kept. Default: `$DISTPRINT_STATE_FILE`, else in the user's state directory. */
  stateFile?: string;
  /**
   * What to do where another runner holds the lock. Default `refuse`: ERR_DISTPRINT_RUNNING is thrown. `replace`: one that stays on other
   * code than is installed gets SIGTERM, and the claim waits for its end; one that runs what is installed, or moves to it, is left alone.
   */
  whenRunning?: WhenRunning;
  /** Default `auto`: the way that is safe under the supervisor found, which may be none. The operator's `$DISTPRINT_STRATEGY` goes first. */
  strategy?: Strategy | 'auto';
  /**
   * The host can be rehearsed to readiness: its runner is then a rehearsal (`isRehearsal`), and `ready` asks this whether it works.
   * Default: a rehearsal ends at the claim.
   */
  canRehearse?: Probe;
  /** Milliseconds from one beat to the next. Default 10,000. */
  intervalMs?: number;
  /** Milliseconds that `release` and `resume` may each take. Default 30,000. */
  hookTimeoutMs?: number;
  /**
   * Milliseconds that the new code has to load, and then to be ready. Default 30,000. After exec, a process that is late ends with
   * `exitStatus`, where a supervisor is known to start it again.
   */
  readyTimeoutMs?: number;
  /** Milliseconds that a replacement must live on before the old process leaves. Default 3,000. */
  proveMs?: number;
  /** Milliseconds that open connections have to end before the old process leaves. Default 30,000. */
  drainTimeoutMs?: number;
  /** With strategy `exit`, and where it is not ready in time after exec. Default 75, EX_TEMPFAIL of sysexits(3). */
  exitStatus?: number;
  /** Circuit breaker, back-off and idle gate. */
  limits?: Partial<Limits>;
  /**
   * Milliseconds over which a fleet spreads its hand-offs to one release. Each runner waits a part of them, which follows from its machine,
   * its state file and the release's fingerprint: the same after a restart, another for the next release. Default 0: it moves at once.
   */
  spreadMs?: number;
  /** The environment variable by which an operator opts out: set to 1 at the start, drift is not checked. Default `DISTPRINT_DISABLE_HANDOFF`. */
  optOutVariable?: string;
  /** Environment variables that are meant for this process alone: the new code starts without them. Default: none. */
  oneShotVariables?: readonly string[];
  /** The version to show, where package.json has none: an executable's, say. */
  version?: string;
  /** More fields for the state file, made of what started. */
  stateFields?: (started: Started) => Readonly<Record<string, unknown>>;
  /** How the arguments are shown in the state: without secrets, say. The replay does not use it. */
  redact?: (args: readonly string[]) => readonly string[];
  /**
   * A file in the folder of node_exporter's textfile collector, `….prom`, written with each state: docs/fleet.md. Default: none.
   */
  metricsFile?: string;
  /** Told what an operator would want to know, a line each. Default: stderr. */
  log?: (line: string) => void;
  /** Called, and awaited, before each step of the protocol that this process takes. Default: nothing. */
  onStep?: (step: Step) => unknown;
}

/** The options with nothing left open. */
export interface Settings {
  readonly stateFile: string;
  readonly whenRunning: WhenRunning;
  readonly strategy: Strategy | 'auto';
  /** Undefined where the host can't be rehearsed beyond its claim. */
  readonly canRehearse: Probe | undefined;
  readonly intervalMs: number;
  readonly hookTimeoutMs: number;
  readonly readyTimeoutMs: number;
  readonly proveMs: number;
  readonly drainTimeoutMs: number;
  readonly exitStatus: number;
  readonly limits: Limits;
  readonly spreadMs: number;
  readonly isOptedOut: boolean;
  readonly oneShotVariables: readonly string[];
  readonly version: string | undefined;
  readonly stateFields: (started: Started) => Readonly<Record<string, unknown>>;
  readonly redact: (args: readonly string[]) => readonly string[];
  readonly metricsFile: string | undefined;
  readonly log: (line: string) => void;
  readonly onStep: (step: Step) => unknown;
}

/** EX_TEMPFAIL: "the user is invited to retry". */
const DEFAULT_EXIT_STATUS = 75;
const nothing = () => {};

const NO_HOOKS: Required<HostHooks> = { canHandOff: () => true, release: nothing, resume: nothing };

/** What is not given stays as it was. */
export const toHooks = (hooks: HostHooks, before = NO_HOOKS): Required<HostHooks> => ({
  canHandOff: hooks.canHandOff ?? before.canHandOff,
  release: hooks.release ?? before.release,
  resume: hooks.resume ?? before.resume,
});

/**
 * @throws ERR_DISTPRINT_OPTION where no `stateFile` is given, and there is no home directory to keep it in; where `$DISTPRINT_STRATEGY`
 *   names no strategy; where `spreadMs` is no time
 */
export function toSettings(options: RunnerOptions, env: NodeJS.ProcessEnv = process.env): Settings {
  return {
    stateFile: options.stateFile ?? defaultStateFile(env),
    whenRunning: options.whenRunning ?? 'refuse',
    strategy: readStrategy(env) ?? options.strategy ?? 'auto',
    canRehearse: options.canRehearse,
    intervalMs: options.intervalMs ?? DEFAULT_INTERVAL_MS,
    hookTimeoutMs: options.hookTimeoutMs ?? 30_000,
    readyTimeoutMs: options.readyTimeoutMs ?? 30_000,
    proveMs: options.proveMs ?? 3_000,
    drainTimeoutMs: options.drainTimeoutMs ?? 30_000,
    exitStatus: options.exitStatus ?? DEFAULT_EXIT_STATUS,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    spreadMs: checkSpread(options.spreadMs ?? 0),
    isOptedOut: env[options.optOutVariable ?? 'DISTPRINT_DISABLE_HANDOFF'] === '1',
    oneShotVariables: options.oneShotVariables ?? [],
    version: options.version,
    stateFields: options.stateFields ?? (() => ({})),
    redact: options.redact ?? ((args) => args),
    metricsFile: options.metricsFile,
    log: createLog(options.log),
    onStep: options.onStep ?? nothing,
  };
}

function checkSpread(spreadMs: number): number {
  if (spreadMs >= 0 && spreadMs <= MAX_TIMER_MS) return spreadMs;
  throw new DistprintError('ERR_DISTPRINT_OPTION', `spreadMs: ${spreadMs} is no time from 0 to ${MAX_TIMER_MS} ms`);
}

function readStrategy({ DISTPRINT_STRATEGY: named }: NodeJS.ProcessEnv): Settings['strategy'] | undefined {
  if (named === undefined || named === '') return undefined;
  const known = ['auto', ...STRATEGIES] as const;
  const found = known.find((each) => each === named);
  if (found !== undefined) return found;
  const message = `DISTPRINT_STRATEGY is ${JSON.stringify(named)}: set it to ${known.slice(0, -1).join(', ')} or ${known.at(-1)}`;
  throw new DistprintError('ERR_DISTPRINT_OPTION', message);
}
