/**
 * What a daemon needs to move to new code without ever going offline.
 * @module
 */
export { DistprintError, isDistprintError } from '../errors.ts';
export { STEPS } from './protocol.ts';
export { claimRunner } from './runner.ts';
export { defaultStateFile, readState } from './state-file.ts';
export { isRunnerRunningInstalledVersion, readRunnerStatus, waitForRunnerHandoff } from './status.ts';
