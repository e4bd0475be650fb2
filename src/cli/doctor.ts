/**
 * `distprint doctor`.
 * @module
 */

import { escapeControls } from '../runner/log.ts';
import type { OwnState } from '../runner/role/state-file.ts';
import type { RunnerStatus } from '../runner/role/status.ts';
import { explain, isUntold, type Why } from './explain.ts';
import { colors, DIFFERENT, print, printJson, SAME, TROUBLE } from './output.ts';
import {
  readStatus,
  type StateFileOptions,
  toDriftLines,
  toExecutableLines,
  toNextLine,
  toShownStrings,
} from './state-file.ts';

/** Exit code 0: the runner would move to new code. 1: it would not, or not now. 2: there is nobody to ask. */
export function doctor(options: StateFileOptions): void {
  const found = readStatus(options);
  const own = found.isRunning ? found.state?.distprint : undefined;
  if (own === undefined) {
    const problem = found.problem ?? explain(found, Date.now()).reason;
    if (options.json) printJson({ problem });
    else process.stderr.write(`distprint: ${escapeControls(problem)}\n`);
    process.exitCode = TROUBLE;
    return;
  }
  const { decision, handoffDisabled, heldBack, tried } = own;
  const { executable } = found;
  const why = explain(found, Date.now());
  if (options.json) printJson({ ...decision, handoffDisabled, heldBack, tried, executable, why });
  else for (const line of [...toDoctorLines(toShownStrings(own)), ...toWhyLines(why, executable)]) print(line);
  process.exitCode =
    decision.strategy === 'none' || handoffDisabled || heldBack !== null || why.outcome === 'stay' ? DIFFERENT : SAME;
}

/** What it does about what is installed now. */
function toWhyLines(why: Why, executable: RunnerStatus['executable']): string[] {
  const { rule, reason } = toShownStrings(why);
  const next = toNextLine(why);
  const drift = toDriftLines(why);
  return [
    ...toExecutableLines(executable).map((line) => `executable: ${line}`),
    ...(isUntold(why) ? [`now: ${rule}: ${reason}`] : []),
    ...drift.map((line, i) => (i === 0 ? `what differs: ${line}` : line)),
    ...(next === null ? [] : [`next: ${next}`]),
  ];
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
