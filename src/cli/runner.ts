/**
 * `distprint status` and `distprint doctor`.
 * @module
 */

import { escapeControls } from '../runner/log.ts';
import type { OwnState } from '../runner/role/state-file.ts';
import { type RunnerStatus, readRunnerStatus } from '../runner/role/status.ts';
import { colors, DIFFERENT, print, printJson, SAME, TROUBLE, toShown, VERDICT_COLOURS } from './output.ts';

export interface RunnerCliOptions {
  state?: string;
  json?: boolean;
}

const read = ({ state }: RunnerCliOptions) => readRunnerStatus({ ...(state !== undefined && { stateFile: state }) });

/**
 * Exit code 0: a runner runs what is installed, or no conclusion is possible, or the operator disabled the hand-off.
 * 1: no runner runs, or it runs old code, or code that is not proven. 2: the state cannot be read or trusted.
 */
export function status(options: RunnerCliOptions): void {
  const found = read(options);
  if (options.json) printJson(found);
  else for (const line of toStatusLines(toShownStrings(found))) print(line);
  process.exitCode = toStatusCode(found);
}

function toStatusCode({ isRunning, state, problem, installed }: RunnerStatus): number {
  if (problem !== null || (isRunning && state === null)) return TROUBLE;
  const own = state?.distprint;
  const isProven = own === undefined || (own.ready && own.handingOff === null);
  const isFine = own?.handoffDisabled === true || installed?.verdict !== 'changed';
  return isRunning && isProven && isFine ? SAME : DIFFERENT;
}

/** Exit code 0: the runner would move to new code. 1: it would not, or not now. 2: there is nobody to ask. */
export function doctor(options: RunnerCliOptions): void {
  const found = read(options);
  const own = found.isRunning ? found.state?.distprint : undefined;
  if (own === undefined) {
    const problem = found.problem ?? 'no runner runs';
    if (options.json) printJson({ problem });
    else process.stderr.write(`distprint: ${escapeControls(problem)}\n`);
    process.exitCode = TROUBLE;
    return;
  }
  const { decision, handoffDisabled, heldBack, tried } = own;
  if (options.json) printJson({ ...decision, handoffDisabled, heldBack, tried });
  else for (const line of toDoctorLines(toShownStrings(own))) print(line);
  process.exitCode = decision.strategy === 'none' || handoffDisabled || heldBack !== null ? DIFFERENT : SAME;
}

/** Each string in it is made safe on a terminal. */
const toShownStrings = <T>(found: T): T =>
  JSON.parse(JSON.stringify(found), (_, each) => (typeof each === 'string' ? toShown(each) : each));

/** Who runs, since when, on what code, and what became of new code. */
function toStatusLines({ stateFile, isRunning, holder, state, problem, installed }: RunnerStatus): string[] {
  const lines: string[] = [];
  const add = (name: string, value: string) => void lines.push(`${name.padEnd(10)} ${value}`);
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
    add(
      'failed',
      `${version ?? fingerprint}, ${failures} x, not again before ${new Date(retryAtMs).toISOString()}: ${reason}`,
    );
  }
  return lines;
}

/** What the runner would do about new code, why, and what the operator can do. */
function toDoctorLines({ decision, handoffDisabled, heldBack, tried }: OwnState): string[] {
  const { strategy, supervisor, reasons, advice } = decision;
  const lines = [
    `strategy ${colors.bold(strategy)}, supervisor ${supervisor}`,
    ...reasons.map((reason) => `- ${reason}`),
  ];
  if (advice !== null) lines.push(`what you can do: ${advice}`);
  if (handoffDisabled) lines.push('the operator disabled the hand-off');
  if (heldBack !== null) lines.push(`held back: ${heldBack.gate}: ${heldBack.reason}`);
  if (tried !== null) lines.push(`last tried and failed: ${tried.reason}`);
  return lines;
}
