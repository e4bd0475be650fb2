/**
 * What a daemon needs to move to new code without ever going offline.
 * @module
 */

export { DistprintError, type DistprintErrorCode, isDistprintError } from '../errors.ts';
export type { Limits } from './handoff/gate.ts';
export type { Step } from './handoff/protocol.ts';
export { STEPS } from './handoff/protocol.ts';
export type { HostHooks, Probe, RehearsedAt, RunnerOptions } from './options.ts';
export { defaultStateFile, type OwnState, type RunnerState, readState } from './role/state-file.ts';
export {
  isRunnerRunningInstalledVersion,
  type RunnerStatus,
  readRunnerStatus,
  type StatusOptions,
  type WaitOptions,
  waitForRunnerHandoff,
} from './role/status.ts';
export { claimRunner, type Runner } from './runner.ts';
export type { Started } from './situation.ts';
export type { Decision, Strategy } from './supervisor/strategy.ts';
