/**
 * Whatever ends the wrapper, SIGKILL too, ends what it runs: a shell in a session of its own waits for the end of a pipe that only the
 * wrapper holds open. Then it ends every process that has the wrapper's mark in its environment, as a restart would: the stop signal, the
 * grace, SIGKILL.
 * @module
 */

import { spawn } from 'node:child_process';

export interface Watchdog {
  /** The sessions that the wrapper started and that may still be there: where no environment can be read, they are what is left to end. */
  guard(leaders: readonly number[]): void;
}

/**
 * `$1` is the mark, `$2` the stop signal's name, `$3` the grace in tenths of a second. A line of the input names the leaders of the sessions.
 * Linux shows environments in /proc; ps(1) of macOS and the BSDs shows those of one's own processes (`-E`, `-e`).
 */
const SCRIPT = `
mark=$1 stop=$2 left=$3 leaders=
while read -r line; do leaders=$line; done
if [ -r /proc/self/environ ]; then
  is_left() { [ -n "$(find_all)" ]; }
  find_all() { for file in $(grep -l -- "$mark" /proc/[0-9]*/environ 2>/dev/null); do file=\${file#/proc/}; echo "\${file%/environ}"; done; }
else
  is_left() { for leader in $leaders; do kill -0 -- "-$leader" 2>/dev/null && return; done; [ -n "$(find_all)" ]; }
  find_all() { ps -axwwE -o pid=,command= 2>/dev/null | grep -- "$mark" | grep -v grep | while read -r pid _; do [ "$pid" = $$ ] || echo "$pid"; done; }
fi
end_all() {
  for leader in $leaders; do kill -s "$1" -- "-$leader" 2>/dev/null; done
  for pid in $(find_all); do kill -s "$1" "$pid" 2>/dev/null; done
}
is_left || exit 0
end_all "$stop"; end_all CONT
while is_left && [ "$left" -gt 0 ]; do sleep 0.1; left=$((left - 1)); done
tries=100
while is_left && [ "$tries" -gt 0 ]; do end_all KILL; sleep 0.1; tries=$((tries - 1)); done
`;

/** @param mark how each mark of this wrapper's children begins */
export function startWatchdog(mark: string, signal: NodeJS.Signals, graceMs: number): Watchdog {
  const words = ['-c', SCRIPT, 'sh', mark, signal.replace(/^SIG/, ''), String(Math.ceil(graceMs / 100))];
  const watchdog = spawn('/bin/sh', words, {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    env: process.env.PATH === undefined ? {} : { PATH: process.env.PATH },
    cwd: '/',
  });
  watchdog.on('error', () => {}); // there is no shell: then whoever ends our group or cgroup is left
  watchdog.stdin.on('error', () => {});
  watchdog.unref();
  (watchdog.stdin as unknown as { unref(): void }).unref();
  return {
    guard: (leaders) => void watchdog.stdin.write(`${leaders.join(' ')}\n`),
  };
}
