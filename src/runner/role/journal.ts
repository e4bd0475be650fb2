/**
 * Keeps the state file up to date: one write at a time, and none once another process holds the lock.
 * @module
 */

import { type RunnerState, readOrSetAside, removeLeftovers, writeState } from './state-file.ts';

export interface Journal {
  /** What the file says. Null where there is none that can be read and trusted. */
  read(): RunnerState | null;
  /** @throws the operating system's errors as they are */
  write(): Promise<void>;
  /** The same, but trouble is logged: a runner works on without its state. */
  tryWrite(): Promise<void>;
  /** Ends all writing: another process is about to hold the lock. Resolves when no write is under way. */
  close(): Promise<void>;
  /** Writes again: the lock was taken back. */
  reopen(): void;
}

/**
 * @param toState what to write, given what the file says
 * @param say told of trouble, each time it is met
 * @param alsoWrite given each state that is written. It never rejects, and is not called where another process holds the lock.
 */
export function createJournal(
  stateFile: string,
  toState: (before: RunnerState | null) => RunnerState,
  say: (topic: 'state' | 'aside', line: string) => void,
  alsoWrite: (state: RunnerState) => Promise<void> = async () => {},
): Journal {
  let writing: Promise<void> = Promise.resolve();
  let isClosed = false;

  /** @throws where the file may well be sound, and can't be read just now */
  const readBefore = () => readOrSetAside(stateFile, (line) => say('aside', line));

  function write(): Promise<void> {
    const done = writing.then(async () => {
      if (isClosed) return;
      const state = toState(readBefore());
      const also = alsoWrite(state);
      try {
        await writeState(stateFile, state);
      } finally {
        await also; // who waits for the end of all writing is about to leave
      }
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
      if (isClosed) removeLeftovers(stateFile); // of a replacement that was ended while it wrote
      isClosed = false;
    },
  };
}

/** The system's message without the failed call, whose temporary file has another name each time: the same trouble reads the same. */
export const withoutCall = (error: unknown) => (error as Error).message.split(', ')[0];
