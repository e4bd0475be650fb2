/**
 * `--state`, for the commands that ask about a runner.
 * @module
 */

import { escapeControls } from '../runner/log.ts';
import type { ExecutableStatus } from '../runner/role/executable.ts';
import { type RunnerStatus, readRunnerStatus } from '../runner/role/status.ts';
import { toMany } from './bench/figures.ts';
import type { Why } from './explain.ts';
import { toFileLine, toShown } from './output.ts';

export interface StateFileOptions {
  state?: string;
  json?: boolean;
}

export const readStatus = ({ state }: StateFileOptions): RunnerStatus =>
  readRunnerStatus({ ...(state !== undefined && { stateFile: state }) });

/** Each string in it is made safe on a terminal. */
export const toShownStrings = <T>(found: T): T =>
  JSON.parse(JSON.stringify(found), (_, each) => (typeof each === 'string' ? toShown(each) : each));

/** What differs, and since when. None where nothing does. */
export function toDriftLines({ sinceMs, versions, files, differences }: Why): string[] {
  if (sinceMs === null) return [];
  const to = (version: string | null) => toShown(version ?? 'none');
  const parts = [
    `since ${sayTime(sinceMs)}`,
    ...(versions === null ? [] : [`version ${to(versions.from)} -> ${to(versions.to)}`]),
    ...(files === null ? [] : [toMany(files, 'file')]),
  ];
  const more = (files ?? 0) - differences.length;
  return [parts.join(', '), ...differences.map(toFileLine), ...(more > 0 ? [`and ${toMany(more, 'more file')}`] : [])];
}

/** A shell takes a doubled backslash for another name, so it is not shown as a path is. */
export const toNextLine = ({ next }: Why): string | null => (next === null ? null : escapeControls(next));

/** Where it is no longer the one that is installed. */
export function toExecutableLines(executable: ExecutableStatus | null): string[] {
  if (executable === null || executable.state === 'installed') return [];
  return [`${escapeControls(executable.path)} was ${executable.state} since the process started`];
}

/** A file may say any number. */
export function sayTime(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString();
}
