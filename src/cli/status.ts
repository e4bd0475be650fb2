/**
 * `distprint status`.
 * @module
 */

import { resolve } from 'node:path';
import { toMetricsText } from '../change/metrics.ts';
import { toRunnerMetrics } from '../runner/role/metrics.ts';
import type { RunnerStatus } from '../runner/role/status.ts';
import { explain, isUntold, type Why } from './explain.ts';
import { colors, complain, DIFFERENT, print, printJson, SAME, TROUBLE, VERDICT_COLOURS } from './output.ts';
import {
  readStatus,
  type StateFileOptions,
  sayTime,
  toDriftLines,
  toExecutableLines,
  toNextLine,
  toShownStrings,
} from './state-file.ts';

export interface StatusCliOptions extends StateFileOptions {
  openmetrics?: boolean;
}

/**
 * Exit code 0: a runner runs what is installed, or no conclusion is possible, or the operator disabled the hand-off.
 * 1: no runner runs, or it runs old code, or code that is not proven. 2: the state cannot be read or trusted.
 */
export function status(options: StatusCliOptions): void {
  const found = readStatus(options);
  const why = explain(found, Date.now());
  if (options.openmetrics) printMetrics(found);
  else if (options.json) printJson({ ...found, why });
  else for (const line of [...toStatusLines(toShownStatus(found)), ...toWhyLines(why)]) print(line);
  process.exitCode = toStatusCode(found);
}

function printMetrics({ stateFile, state, isRunning, installed, problem }: RunnerStatus): void {
  if (problem !== null) complain(new Error(problem));
  const told = {
    source: resolve(stateFile),
    name: installed?.name ?? null,
    installed: installed?.fingerprint == null ? null : installed,
    verdict: installed?.verdict ?? null,
    tally: null,
    isRunning,
  };
  process.stdout.write(toMetricsText(toRunnerMetrics(state, told)));
}

function toStatusCode({ isRunning, state, problem, installed }: RunnerStatus): number {
  if (problem !== null || (isRunning && state === null)) return TROUBLE;
  const own = state?.distprint;
  const isProven = own === undefined || (own.ready && own.handingOff === null);
  const isFine = own?.handoffDisabled === true || installed?.verdict !== 'changed';
  return isRunning && isProven && isFine ? SAME : DIFFERENT;
}

/** The executable's path is a written one already. */
const toShownStatus = (found: RunnerStatus): RunnerStatus => ({
  ...toShownStrings(found),
  executable: found.executable,
});

/** Who runs, since when, on what code, and what became of new code. */
function toStatusLines({
  stateFile,
  isRunning,
  holder,
  state,
  problem,
  installed,
  executable,
}: RunnerStatus): string[] {
  const lines: string[] = [];
  const add = (name: string, value: string) => void lines.push(label(name, value));
  if (isRunning === null) add('runner', colors.yellow('unknown'));
  else if (!isRunning) add('runner', colors.red('none'));
  else add('runner', `process ${holder?.process.pid}, generation ${holder?.generation}`);
  if (problem !== null) add('state', colors.yellow(problem));
  else if (state === null) add('state', `none at ${stateFile}`);
  const own = state?.distprint;
  if (state === null || own === undefined) return lines;
  if (!isRunning) add('', `what process ${state.pid} said last:`);
  if (state.httpPort !== undefined) add('port', String(state.httpPort));
  add('since', `${state.startTime}, last heartbeat ${state.lastHeartbeat}`);
  add('watches', own.path);
  for (const line of toExecutableLines(executable)) add('executable', line);
  add('started', [own.version, own.fingerprint].filter((part) => part !== null).join(' '));
  if (installed !== null)
    add(
      'installed',
      [installed.version, VERDICT_COLOURS[installed.verdict](installed.verdict)].filter(Boolean).join(' '),
    );
  if (own.handoffDisabled) add('hand-off', 'disabled by the operator');
  if (own.handingOff !== null)
    add('hand-off', `under way: ${own.handingOff.step}, to ${own.handingOff.target}, which is not proven yet`);
  else if (!own.ready) add('serves', 'not yet');
  if (own.heldBack !== null) add('held back', `${own.heldBack.gate}: ${own.heldBack.reason}`);
  if (own.tried !== null) {
    const { version, fingerprint, failures, reason, retryAtMs } = own.tried;
    const until = retryAtMs < LAST_DATE_MS ? sayTime(retryAtMs) : 'it changes';
    add('failed', `${version ?? fingerprint}, ${failures} x, not again before ${until}: ${reason}`);
  }
  return lines;
}

const label = (name: string, value: string) => `${name.padEnd(10)} ${value}`;

/** What the lines above don't say of it. */
function toWhyLines(why: Why): string[] {
  const { rule, reason } = toShownStrings(why);
  const next = toNextLine(why);
  const drift = toDriftLines(why).map((line, i) => label(i === 0 ? 'differs' : '', line));
  return [
    ...drift,
    ...(isUntold(why) ? [label('why', `${rule}: ${reason}`)] : []),
    ...(next === null ? [] : [label('next', next)]),
  ];
}

/** The last moment that a date can name: a wrapper (`distprint run`) tries nothing twice. */
const LAST_DATE_MS = 8.64e15;
