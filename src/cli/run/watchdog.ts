/**
 * Ends what this process started when this process ends without doing so: by SIGKILL, say.
 *
 * A shell waits for the end of a pipe that this process alone holds open. Then it looks for the mark (mark.ts).
 * It needs nothing of this release, which may be gone from the disk by then.
 * @module
 */

import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { FIND_MARKED } from '../../platform/find-marked.ts';

export interface Watchdog {
  /** Undefined where there is no shell. */
  readonly pid: number | undefined;
  /** Ends it without harm to anybody. Resolves when it has ended. */
  end(): Promise<void>;
}

export interface WatchdogOptions {
  /** Default: SIGTERM. */
  readonly signal?: NodeJS.Signals;
  /** How long they may take after the signal, before SIGKILL. Default: 10,000 ms. */
  readonly graceMs?: number;
}

const LOOK_MS = 100;

// The mark comes through the pipe: as an argument, ps(1) would show it, and the shell would find itself.
const SCRIPT = `
trap '' HUP INT QUIT TERM USR1 USR2 PIPE
signal=$1 looks=$2 told=
IFS= read -r mark || exit 0
read -r _

${FIND_MARKED}
while :; do
  found=$(for each in $(marked); do echo "$each"; below "$each"; done)
  [ -n "$found" ] || exit 0
  [ "$looks" -gt 0 ] || signal=KILL
  [ "$looks" -gt -50 ] || exit 1
  for pid in $found; do
    case " $told " in *" $pid "*) [ "$signal" = KILL ] || continue ;; esac
    kill -s "$signal" "$pid" 2>/dev/null
    kill -s CONT "$pid" 2>/dev/null
    told="$told $pid"
  done
  looks=$((looks - 1))
  sleep 0.1 2>/dev/null || sleep 1
done
`;

/**
 * From now on, the end of this process ends whatever has the mark.
 * @param mark of this wrapper (`createRunMark`), or of one start
 */
export function startWatchdog(mark: string, { signal = 'SIGTERM', graceMs = 10_000 }: WatchdogOptions = {}): Watchdog {
  const looks = Math.ceil(graceMs / LOOK_MS);
  const watchdog = spawn('/bin/sh', ['-c', SCRIPT, 'sh', signal.replace(/^SIG/, ''), String(looks)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true, // the terminal's Ctrl-C is not for it
    cwd: '/',
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin' },
  });
  const ended = new Promise<void>((resolve) => {
    watchdog.once('exit', () => resolve());
    watchdog.on('error', () => resolve()); // there is no shell: then a supervisor that ends the whole group is left
  });
  watchdog.stdin.on('error', () => {});
  watchdog.stdin.write(`${mark}\n`);
  watchdog.unref();
  (watchdog.stdin as Socket).unref();
  return {
    pid: watchdog.pid,
    end() {
      watchdog.kill('SIGKILL');
      return ended;
    },
  };
}
