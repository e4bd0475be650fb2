/**
 * The terminal is the command's own. Here is what a wrapper has to do with it all the same: put its modes back after a command that could
 * not, and read `rs` + Enter while no command reads.
 * @module
 */

import { spawnSync } from 'node:child_process';
import { isatty } from 'node:tty';
import { platform } from '../../platform/index.ts';

/** Whether people sit there: the command's keys and its output are a terminal's. */
export const isOnTerminal = (): boolean => [0, 1, 2].some((fd) => isatty(fd));

/**
 * Remembers the terminal's modes.
 * @returns what puts them back: a command that was killed leaves raw mode behind
 */
export function keepModes(): () => void {
  const stty = (word: string) =>
    spawnSync('stty', [word], { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'utf8', timeout: STTY_MS });
  if (!platform.isPosix || !isatty(0) || !platform.isInForeground()) return () => {};
  const modes = stty('-g').stdout?.trim();
  if (!modes) return () => {};
  return () => {
    if (platform.isInForeground()) stty(modes); // from the background it would stop us
  };
}

const STTY_MS = 1_000;

/**
 * Calls `onRs` at each line `rs` that is typed, until the signal is aborted.
 * Two processes that read one terminal get its lines at random, so this is for the time in which the command does not read.
 */
export function readRs(onRs: () => void, signal: AbortSignal): void {
  if (!isatty(0) || !platform.isInForeground()) return;
  let typed = '';
  const onData = (bytes: Buffer) => {
    const lines = (typed + bytes.toString('latin1')).split('\n');
    typed = lines.pop() as string;
    if (lines.some((line) => line.trim() === 'rs')) onRs();
  };
  process.stdin.on('data', onData).resume();
  signal.addEventListener(
    'abort',
    () => {
      process.stdin.off('data', onData);
      process.stdin.pause();
    },
    { once: true },
  );
}
