/**
 * Says what happened: a line on stderr for people, and an object a line for programs (`--json`).
 * @module
 */

import { openSync, writeSync } from 'node:fs';
import { writeText } from '../../disk/raw-path.ts';
import { DistprintError } from '../../errors.ts';
import { platform } from '../../platform/index.ts';
import { escapeControls, toJsonLine, writeLine } from '../../runner/log.ts';
import { type End, sayEnd } from './child.ts';
import type { Difference } from './watched.ts';

/** What comes after the command's own end. It may have failed because it loaded what was just being written. */
export type After = 'wait' | 'exit' | 'restart' | 'wait for the build';

/** Why it was started anew. */
export type Why = 'content' | 'by hand' | 'its end';

/** What happens, in the words of docs/run.md. Times are in milliseconds. */
export type RunEvent =
  | { readonly event: 'waiting'; readonly reason: string }
  | {
      readonly event: 'started';
      readonly pid: number | null;
      readonly version: string | null;
      readonly fingerprint: string | null;
    }
  | ({
      readonly event: 'restarted';
      readonly pid: number | null;
      readonly why: Why;
      readonly fingerprint: string | null;
    } & Changed &
      Timed)
  | ({
      readonly event: 'kept';
      readonly pid: number | null;
      readonly reason: string;
      readonly fingerprint: string | null;
    } & Changed)
  | { readonly event: 'held-back'; readonly reason: string; readonly untilMs: number }
  | ({
      readonly event: 'ended';
      readonly pid: number | null;
      readonly next: After;
      readonly inMs?: number;
    } & End)
  | { readonly event: 'killed'; readonly pid: number | null; readonly graceMs: number }
  | { readonly event: 'note'; readonly reason: string };

interface Changed {
  /** Written paths. Null where it was not the content. */
  readonly changed: Difference | null;
}

interface Timed {
  /** From the first look that saw other content to the last one before the start. */
  readonly settledInMs: number;
  /** From the decision to the new process: started, or ready where that is waited for. */
  readonly tookMs: number;
}

/** `detail` is for --verbose only. */
export interface Say {
  tell(event: RunEvent): void;
  /** The same, but people are told with --verbose only: they asked for it. */
  record(event: RunEvent): void;
  detail(line: string): void;
}

export interface HowToSay {
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** A descriptor's number, or a file to append to. */
  readonly json: string | undefined;
}

/** @throws ERR_DISTPRINT_OPTION where `json` can't be written to */
export function createSay({ quiet, verbose, json }: HowToSay): Say {
  const fd = json === undefined ? undefined : openJson(json);
  const keep = (event: RunEvent) => {
    if (fd !== undefined) writeLine(fd, toJsonLine({ time: new Date().toISOString(), ...event }));
  };
  return {
    tell(event) {
      keep(event);
      if (!quiet) print(toLine(event));
    },
    record(event) {
      keep(event);
      if (verbose) print(toLine(event));
    },
    detail(line) {
      if (verbose) print(line);
    },
  };
}

/** The same, with something to do after each event. */
export const withAfter = (say: Say, after: () => void): Say => ({
  ...say,
  tell(event) {
    say.tell(event);
    after();
  },
  record(event) {
    say.record(event);
    after();
  },
});

/** Tells of each trouble once, however often it is met. */
export function createNoteOnce(say: Say): (reason: string) => void {
  const said = new Set<string>();
  return (reason) => {
    if (said.has(reason)) return;
    said.add(reason); // first: what comes after an event (withAfter) may meet it again
    say.tell({ event: 'note', reason });
  };
}

const print = (line: string) => writeLine(2, `distprint: ${escapeControls(line)}`);

function openJson(json: string): number {
  try {
    if (!/^\d+$/.test(json)) return openSync(json, 'a', 0o666);
    writeSync(Number(json), '');
    return Number(json);
  } catch (error) {
    throw new DistprintError('ERR_DISTPRINT_OPTION', `--json ${json}: ${(error as Error).message}`, { cause: error });
  }
}

function toLine(event: RunEvent): string {
  switch (event.event) {
    case 'waiting':
      return `waits: ${event.reason}`;
    case 'started':
      return `started process ${event.pid}${event.version === null ? '' : ` of version ${writeText(event.version)}`}`;
    case 'restarted': {
      const times = `the restart took ${round(event.tookMs)}`;
      const waited = event.changed === null ? '' : `waited ${round(event.settledInMs)} for the build, `;
      return `restarted as process ${event.pid}: ${sayChanged(event.changed, event.why)}; ${waited}${times}`;
    }
    case 'kept':
      return `kept process ${event.pid}: ${sayChanged(event.changed, 'content')}, but ${event.reason}; not tried again before it changes`;
    case 'held-back':
      return `held back: ${event.reason}`;
    case 'ended':
      return `${sayEnd(event)}${sayNext(event.next, event.inMs)}`;
    case 'killed':
      return `process ${event.pid} did not end within ${round(event.graceMs)}: SIGKILL`;
    case 'note':
      return event.reason;
  }
}

const MAX_PATHS = 3;

function sayChanged(changed: Difference | null, why: Why): string {
  if (changed === null) return why === 'by hand' ? 'by hand' : 'after its end';
  const { paths, from, to } = changed;
  const few = paths.slice(0, MAX_PATHS).join(', ');
  const more = paths.length > MAX_PATHS ? ` and ${paths.length - MAX_PATHS} more` : '';
  const versions = from === to ? '' : `, ${writeText(from ?? 'none')} -> ${writeText(to ?? 'none')}`;
  return `${few === '' ? 'it may have loaded what was there in between' : `${few}${more} changed`}${versions}`;
}

function sayNext(next: After, inMs = 0): string {
  if (next === 'exit') return '';
  if (next === 'restart') return `; starts it again in ${round(inMs)}`;
  if (next === 'wait') return `; waits for a change (rs + Enter${platform.isPosix ? ' or SIGUSR2' : ''} start it)`;
  return ' while what is watched was being written; starts it again once that has settled';
}

const round = (ms: number) => (ms < 10_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 1000)} s`);
