/**
 * One line that says how far it is, on a terminal, once it takes longer than half a second.
 * @module
 */

const AFTER_MS = 500;
const EVERY_MS = 100;
const CLEAR = '\r\x1b[2K';

export interface Progress {
  say(what: string, done: number, total: number): void;
  /** Takes the line away. */
  end(): void;
}

export function createProgress(stream: NodeJS.WriteStream): Progress {
  if (!stream.isTTY || process.env.TERM === 'dumb') return { say() {}, end() {} };
  let dueMs = performance.now() + AFTER_MS;
  let isShown = false;
  return {
    say(what, done, total) {
      if (performance.now() < dueMs) return;
      dueMs = performance.now() + EVERY_MS;
      isShown = true;
      stream.write(`${CLEAR}${what}: ${done} of ${total}`);
    },
    end() {
      if (isShown) stream.write(CLEAR);
    },
  };
}
