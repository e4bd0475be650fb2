/**
 * `distprint status` and `distprint doctor`. Loaded when they are asked for: most calls are about fingerprints.
 * @module
 */

import type { OwnState } from '../runner/role/state-file.ts';
import { type RunnerStatus, readRunnerStatus } from '../runner/role/status.ts';
import { colors, DIFFERENT, SAME, TROUBLE, toShownPath, VERDICT_COLOURS } from './output.ts';

const print = (line: string) => void process.stdout.write(`${line}\n`);

export interface RunnerCliOptions {
  state?: string;
  json?: boolean;
}

const read = ({ state }: RunnerCliOptions) => readRunnerStatus({ ...(state !== undefined && { stateFile: state }) });

/**
 * 0 where a runner runs what is installed, where nothing else can be concluded, or where the operator has drift not checked;
 * 1 where not; 2 where its state can't be read.
 */
export function status(options: RunnerCliOptions): void {
  const found = read(options);
  if (options.json) print(JSON.stringify(found));
  else for (const line of toStatusLines(toShown(found))) print(line);
  const { isRunning, state, installed } = found;
  const isFine = state?.distprint?.handoffDisabled === true || installed?.verdict !== 'changed';
  if (isRunning && state === null) process.exitCode = TROUBLE;
  else process.exitCode = isRunning && isFine ? SAME : DIFFERENT;
}

/** 0 where new code would be moved to, 1 where it would not, or is held back just now, 2 where there is nobody to ask. */
export function doctor(options: RunnerCliOptions): void {
  const found = read(options);
  const own = found.isRunning ? found.state?.distprint : undefined;
  if (own === undefined) {
    const problem = found.problem ?? 'no runner runs';
    if (options.json) print(JSON.stringify({ problem }));
    else process.stderr.write(`distprint: ${toShownPath(problem)}\n`);
    process.exitCode = TROUBLE;
    return;
  }
  const { decision, heldBack, tried } = own;
  const handoffDisabled = found.state?.distprint?.handoffDisabled === true;
  if (options.json) print(JSON.stringify({ ...decision, handoffDisabled, heldBack, tried }));
  else for (const line of toDoctorLines(toShown(own), handoffDisabled)) print(line);
  process.exitCode = decision.strategy === 'none' || handoffDisabled || heldBack !== null ? DIFFERENT : SAME;
}

/** All that stands in it, safe on a terminal. */
const toShown = <T>(found: T): T =>
  JSON.parse(JSON.stringify(found), (_, each) => (typeof each === 'string' ? toShownPath(each) : each));

/** What `status` says: who runs, since when, on what, and what became of new code. */
function toStatusLines({ stateFile, isRunning, holder, state, problem, installed }: RunnerStatus): string[] {
  const lines: string[] = [];
  const add = (name: string, value: string) => void lines.push(`${name.padEnd(10)} ${value}`);
  if (!isRunning) add('runner', colors.red('none'));
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
  if (own.handingOff !== null) add('hand-off', `under way: ${own.handingOff.step}, to ${own.handingOff.target}`);
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

/** What `doctor` says: who owns the process, what it would do about new code, why, and what the operator can do. */
function toDoctorLines({ decision, heldBack, tried }: OwnState, handoffDisabled: boolean): string[] {
  const { strategy, supervisor, reasons, advice } = decision;
  const lines = [
    `strategy ${colors.bold(strategy)}, supervisor ${supervisor}`,
    ...reasons.map((reason) => `- ${reason}`),
  ];
  if (advice !== null) lines.push(`what you can do: ${advice}`);
  if (handoffDisabled) lines.push('drift is not checked: the operator disabled it');
  if (heldBack !== null) lines.push(`held back: ${heldBack.gate}: ${heldBack.reason}`);
  if (tried !== null) lines.push(`last tried and failed: ${tried.reason}`);
  return lines;
}
