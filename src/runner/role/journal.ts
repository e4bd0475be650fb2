/**
 * Keeps a runner's state file up to date: one write at a time, and none any more once another process has the role.
 * @module
 */

import { type RunnerState, readOrSetAside, writeState } from './state-file.ts';

export interface Journal {
  /** What the file says; null where there is none, or none that can be read and trusted. */
  read(): RunnerState | null;
  /** @throws the operating system's errors as they are */
  write(): Promise<void>;
  /** The same. A state that can't be written is no reason to stop working: it is said instead. */
  tryWrite(): Promise<void>;
  /** Whoever was granted the role writes from now on. Resolves when no write of this process is under way any more. */
  close(): Promise<void>;
  /** The grant was taken back. */
  reopen(): void;
}

/**
 * @param toState what to write, given what the file says
 * @param say told of trouble, each time anew
 */
export function createJournal(
  stateFile: string,
  toState: (before: RunnerState | null) => RunnerState,
  say: (topic: 'state' | 'aside', line: string) => void,
): Journal {
  let writing: Promise<void> = Promise.resolve();
  let isClosed = false;

  /** @throws where the file may well be sound, and can't be read just now */
  const readBefore = () => readOrSetAside(stateFile, (line) => say('aside', line));

  function write(): Promise<void> {
    const done = writing.then(async () => {
      if (!isClosed) await writeState(stateFile, toState(readBefore()));
    });
    writing = done.catch(() => {});
    return done;
  }

  return {
    read() {
      try {
        return readBefore();
      } catch (error) {
        say('state', (error as Error).message);
        return null;
      }
    },
    write,
    async tryWrite() {
      try {
        await write();
      } catch (error) {
        say('state', `the state can't be written to ${stateFile}: ${withoutCall(error)}`);
      }
    },
    async close() {
      isClosed = true;
      await writing;
    },
    reopen() {
      isClosed = false;
    },
  };
}

/** The system's message without the call that failed: a temporary file in it has another name each time, and then the same trouble is said each time. */
export const withoutCall = (error: unknown) => (error as Error).message.split(', ')[0];
