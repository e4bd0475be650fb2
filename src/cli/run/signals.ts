/**
 * Passes signals on to the command, and ends this process as the command ended.
 * @module
 */

import { constants } from 'node:os';
import { platform } from '../../platform/index.ts';
import type { End } from './child.ts';

/** All that may be meant for the command. SIGUSR2 is ours: it restarts by hand. */
const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGALRM', 'SIGWINCH', 'SIGCONT'] as const;

/** What becomes of a console's keys and of its end on Windows. All who share the console get them: the command has them already. */
const OF_CONSOLES = ['SIGINT', 'SIGBREAK', 'SIGHUP'] as const;

/** What the whole foreground group gets at a key, when the window's size changes, and from `fg`: the command has it already. */
const OF_TERMINALS: ReadonlySet<NodeJS.Signals> = new Set(['SIGINT', 'SIGQUIT', 'SIGWINCH', 'SIGCONT']);

/**
 * @param sharesGroup whether the command is in our process group
 * @param onSignal told of each; `hasIt` says whether the command has it already
 */
export function hearSignals(sharesGroup: boolean, onSignal: (signal: NodeJS.Signals, hasIt: boolean) => void): void {
  if (process.connected) process.on('message', (said) => said === 'shutdown' && onSignal('SIGTERM', false));
  if (!platform.isPosix) {
    for (const signal of OF_CONSOLES) process.on(signal, () => onSignal(signal, true));
    return;
  }
  for (const signal of PASSED_ON)
    process.on(signal, () => onSignal(signal, sharesGroup && OF_TERMINALS.has(signal) && platform.isInForeground()));
  if (sharesGroup) return; // Ctrl-Z stops both at once
  process.on('SIGTSTP', () => {
    onSignal('SIGSTOP', false); // in a session of its own, SIGTSTP would not stop it (setpgid(2): orphaned process group)
    process.kill(process.pid, 'SIGSTOP');
  });
}

/** Ends this process by the same signal or with the same code; with 128 + n where the signal has no effect (PID 1). */
export function endAlike({ code, signal }: Pick<End, 'code' | 'signal'>): void {
  if (signal === null) process.exit(code ?? 0);
  if (!platform.isPosix) process.exit(128 + constants.signals[signal]);
  process.removeAllListeners(signal);
  if (signal !== 'SIGUSR1') process.kill(process.pid, signal); // which would start Node's debugger
  setTimeout(() => process.exit(128 + constants.signals[signal]), NO_EFFECT_MS);
}

/** A signal to oneself takes effect at once. */
const NO_EFFECT_MS = 100;
