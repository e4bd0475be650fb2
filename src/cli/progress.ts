/**
 * A line that shows on a terminal how far work is, and is gone at the end. No library for it: cli-progress would bring string-width
 * and its tables for what node:readline does in two calls.
 * @module
 */

import { clearLine, cursorTo } from 'node:readline';
import { type Progress, progress, resetProgress } from '../disk/progress.ts';
import { toCount, toMany } from './bench/figures.ts';
import { colorsFor, toSize } from './output.ts';
import { endAlike } from './run/signals.ts';

/** Before it, nobody needs to see anything. */
const SHOW_AFTER_MS = 500;
const REDRAW_MS = 100;
const BAR_WIDTH = 24;

const { stderr } = process;
const isTerminal = stderr.isTTY && process.env.TERM !== 'dumb';
const colors = colorsFor(stderr);

/** Does the work, which reads one subject. Where that takes long, people see on stderr how far it is. */
export async function withProgress<T>(work: () => Promise<T>): Promise<T> {
  if (!isTerminal) return work();
  resetProgress();
  const startedMs = performance.now();
  let isShown = false;
  const timer = setInterval(() => {
    if (performance.now() - startedMs < SHOW_AFTER_MS) return;
    isShown = true;
    show(progress);
  }, REDRAW_MS);
  const end = () => {
    clearInterval(timer);
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    if (isShown) clear();
  };
  const onSignal = (signal: NodeJS.Signals) => {
    end();
    endAlike({ code: null, signal });
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    return await work();
  } finally {
    end();
  }
}

/** A line that says how far rounds are, by whoever runs them. */
export interface RoundsLine {
  say(what: string, done: number, total: number): void;
  /** Takes the line away. */
  end(): void;
}

/** Signals are the caller's matter. */
export function createRoundsLine(): RoundsLine {
  if (!isTerminal) return { say() {}, end() {} };
  let dueMs = performance.now() + SHOW_AFTER_MS;
  let isShown = false;
  return {
    say(what, done, total) {
      if (performance.now() < dueMs) return;
      dueMs = performance.now() + REDRAW_MS;
      isShown = true;
      clear();
      stderr.write(`${what}: ${done} of ${total}`.slice(0, (stderr.columns || 80) - 1));
    },
    end() {
      if (isShown) clear();
      isShown = false;
    },
  };
}

function show(now: Progress): void {
  const columns = stderr.columns || 80;
  const text = toText(now);
  clear();
  // In the last column the cursor would go on to the next line.
  if (2 + BAR_WIDTH + 2 + text.length < columns) stderr.write(`${toBar(toShare(now))}  ${text}`);
  else stderr.write(text.slice(0, columns - 1));
}

function clear(): void {
  cursorTo(stderr, 0);
  clearLine(stderr, 0);
}

/** Each file counts alike; of a large one, the part that is read. From 0 to 1. */
function toShare({ files, filesDone, fileBytes, fileBytesDone }: Progress): number {
  if (files === 0) return 0;
  const part = fileBytes === 0 ? 0 : Math.min(1, fileBytesDone / fileBytes);
  return (filesDone + part) / files;
}

function toBar(share: number): string {
  const done = Math.floor(share * BAR_WIDTH);
  return `[${colors.green('='.repeat(done))}${' '.repeat(BAR_WIDTH - done)}]`;
}

function toText(now: Progress): string {
  const { files, filesDone, bytesDone, fileBytes, fileBytesDone } = now;
  if (files === 0) return 'listing files';
  const percent = `${Math.floor(toShare(now) * 100)} %`.padStart(5);
  const bytes = toSize(bytesDone + (fileBytes === 0 ? 0 : fileBytesDone));
  if (files === 1) return `${percent}  ${bytes} of ${toSize(Math.max(fileBytes, bytesDone))}`;
  return `${percent}  ${toCount(filesDone)} of ${toMany(files, 'file')}, ${bytes}`;
}
