/**
 * What a daemon needs to move to new code without ever going offline.
 * @module
 */

export { DistprintError, type DistprintErrorCode, isDistprintError } from '../errors.ts';
export type { Limits } from './gate.ts';
export type { RunnerOptions } from './options.ts';
export type { Step } from './protocol.ts';
export { STEPS } from './protocol.ts';
export { claimRunner, type Runner } from './runner.ts';
export { defaultStateFile, type OwnState, type RunnerState, readState } from './state-file.ts';
export {
  isRunnerRunningInstalledVersion,
  type RunnerStatus,
  readRunnerStatus,
  type StatusOptions,
  type WaitOptions,
  waitForRunnerHandoff,
} from './status.ts';
export type { Decision, Strategy } from './strategy.ts';
