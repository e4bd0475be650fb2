/**
 * `--state`, for the commands that ask about a runner.
 * @module
 */

import { type RunnerStatus, readRunnerStatus } from '../runner/role/status.ts';
import { toShown } from './output.ts';

export interface StateFileOptions {
  state?: string;
  json?: boolean;
}

export const readStatus = ({ state }: StateFileOptions): RunnerStatus =>
  readRunnerStatus({ ...(state !== undefined && { stateFile: state }) });

/** Each string in it is made safe on a terminal. */
export const toShownStrings = <T>(found: T): T =>
  JSON.parse(JSON.stringify(found), (_, each) => (typeof each === 'string' ? toShown(each) : each));
