/**
 * What a host may set, and what holds where it sets nothing.
 * @module
 */

import type { DetectorOptions } from '../change/detector.ts';
import { DEFAULT_INTERVAL_MS } from '../change/heartbeat.ts';
import { DEFAULT_LIMITS, type Limits } from './handoff/gate.ts';
import type { Step } from './handoff/protocol.ts';
import { defaultStateFile } from './role/state-file.ts';
import type { Strategy } from './supervisor/strategy.ts';

/** What a host may set. Callbacks may be asynchronous, `redact` and `log` aside; docs/runner.md says how long each is awaited. */
export interface RunnerOptions extends Partial<Omit<DetectorOptions, 'baseline'>> {
  /** Where the state is kept. Default: `$DISTPRINT_STATE_FILE`, else in the user's state directory. */
  stateFile?: string;
  /** Default `auto`: what is safe, which may be none. */
  strategy?: Strategy | 'auto';
  /** Milliseconds from one beat to the next. Default 10,000. */
  intervalMs?: number;
  /** Idle gate: whether this is a good moment. Asked each beat while new code waits. */
  canHandOff?: () => boolean | Promise<boolean>;
  /** Stop what must not be done twice; called before the role passes on. */
  release?: () => unknown;
  /** Take it up again: the hand-off failed. */
  resume?: () => unknown;
  /** Milliseconds that the new code has to reach its claim, and then to be ready. Default 30,000. */
  readyTimeoutMs?: number;
  /** Milliseconds for which a replacement must live on before the old process leaves. Default 3,000. */
  proveMs?: number;
  /** With strategy `exit`. Default 75, EX_TEMPFAIL of sysexits(3). */
  exitStatus?: number;
  limits?: Partial<Limits>;
  /** The environment variable that, set to 1 at the start, has drift not checked. Default `HAPI_DISABLE_VERSION_HANDOFF`. */
  optOutVariable?: string;
  /** The arguments as they are to stand in the state, without secrets, say. What is replayed is never taken from there. */
  redact?: (args: readonly string[]) => readonly string[];
  /** Told, in a line, what an operator would want to know. Default: stderr. */
  log?: (line: string) => void;
  /** Called, and awaited, before each step of the protocol that this process takes. */
  onStep?: (step: Step) => unknown;
}

/** With nothing left open. */
export interface Settings {
  readonly stateFile: string;
  readonly strategy: Strategy | 'auto';
  readonly intervalMs: number;
  readonly canHandOff: () => boolean | Promise<boolean>;
  readonly release: () => unknown;
  readonly resume: () => unknown;
  readonly readyTimeoutMs: number;
  readonly proveMs: number;
  readonly exitStatus: number;
  readonly limits: Limits;
  /** Whether the operator had the variable set. */
  readonly isOptedOut: boolean;
  readonly redact: (args: readonly string[]) => readonly string[];
  readonly log: (line: string) => void;
  readonly onStep: (step: Step) => unknown;
}

/** EX_TEMPFAIL: "the user is invited to retry". */
const DEFAULT_EXIT_STATUS = 75;
const DEFAULT_OPT_OUT = 'HAPI_DISABLE_VERSION_HANDOFF';
const nothing = () => {};

export function toSettings(options: RunnerOptions, env: NodeJS.ProcessEnv = process.env): Settings {
  return {
    stateFile: options.stateFile ?? defaultStateFile(env),
    strategy: options.strategy ?? 'auto',
    intervalMs: options.intervalMs ?? DEFAULT_INTERVAL_MS,
    canHandOff: options.canHandOff ?? (() => true),
    release: options.release ?? nothing,
    resume: options.resume ?? nothing,
    readyTimeoutMs: options.readyTimeoutMs ?? 30_000,
    proveMs: options.proveMs ?? 3_000,
    exitStatus: options.exitStatus ?? DEFAULT_EXIT_STATUS,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    isOptedOut: env[options.optOutVariable ?? DEFAULT_OPT_OUT] === '1',
    redact: options.redact ?? ((args) => args),
    log: options.log ?? ((line) => void process.stderr.write(`distprint: ${line}\n`)),
    onStep: options.onStep ?? nothing,
  };
}
