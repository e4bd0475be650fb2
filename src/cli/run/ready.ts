/**
 * When a command counts as ready: `--ready`.
 *
 * A port may be answered by the old process while the new one still loads, or by nobody yet: the wrapper's own listening socket
 * (`--listen`) lets clients wait. So on Linux a connection counts once a process of the new tree has accepted it (probe.ts).
 * @module
 */

import type { ChildProcess } from 'node:child_process';
import { resolve } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as delay } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { statOrNothing } from '../../disk/stat.ts';
import { DistprintError } from '../../errors.ts';
import type { Platform } from '../../platform/face.ts';
import { platform } from '../../platform/index.ts';
import { escapeControls } from '../../runner/log.ts';
import { type Address, parseAddress } from './address.ts';
import { probe } from './probe.ts';

/** `text` is as the operator wrote it. */
export type Ready = { readonly text: string } & (
  | { readonly kind: 'connection'; readonly address: Address }
  | { readonly kind: 'http'; readonly address: Address; readonly url: URL }
  | { readonly kind: 'output'; readonly pattern: RegExp }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'ipc' }
);

const FORMS = 'write 4000, host:4000, /run/app.sock, http://:4000/health, "/listening on/", file:PATH or ipc';

/** @throws ERR_DISTPRINT_OPTION where it has none of these forms, or can never come true */
export function parseReady(text: string): Ready {
  if (text === 'ipc') return { text, kind: 'ipc' };
  if (text.startsWith('file:')) return { text, kind: 'file', path: resolve(checkPath(text, text.slice(5))) };
  const pattern = /^\/(.+)\/([a-z]*)$/s.exec(text);
  if (pattern !== null && /^[imsuv]*$/.test(pattern[2] as string)) {
    return { text, kind: 'output', pattern: parsePattern(text, pattern[1] as string, pattern[2] as string) };
  }
  const scheme = /^([a-z][a-z\d+.-]*:)\/\//i.exec(text)?.[1];
  if (scheme !== undefined) return parseUrl(text, scheme.toLowerCase());
  return { text, kind: 'connection', address: parseAddress(text, '--ready', FORMS) };
}

/** A line of output is looked for: stdout and stderr have to be pipes then. */
export const needsOutput = (ready: Ready): boolean => ready.kind === 'output';
/** The command needs an IPC channel. */
export const needsIpc = (ready: Ready): boolean => ready.kind === 'ipc';

function refuse(text: string, why: string): never {
  throw new DistprintError('ERR_DISTPRINT_OPTION', `--ready ${escapeControls(text)}: ${why}`);
}

function checkPath(text: string, path: string): string {
  return path === '' || path.includes('\0') ? refuse(text, `no path follows; ${FORMS}`) : path;
}

function parsePattern(text: string, source: string, flags: string): RegExp {
  try {
    return new RegExp(source, flags);
  } catch (error) {
    const why = (error as Error).message.replace(/^Invalid regular expression: .*: /s, '');
    return refuse(text, `not a regular expression: ${why}`);
  }
}

/** `http://:4000/health` has no host: this machine. */
function parseUrl(text: string, scheme: string): Ready {
  if (scheme !== 'http:' && scheme !== 'https:') refuse(text, `${scheme}// can't be asked, only http:// and https://`);
  const withHost = text.replace(/^(https?:\/\/):/i, '$1localhost:');
  if (!URL.canParse(withHost)) refuse(text, 'not a URL; write http://:4000/health');
  const url = new URL(withHost);
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  if (port === 0) return refuse(text, 'nobody answers on port 0');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return { text, kind: 'http', url, address: { port, host: host === 'localhost' ? undefined : host } };
}

/**
 * Why a readiness would not tell the new process from the old one, in a sentence; null where it does.
 * @param isBeside whether the old one runs on until the new one is ready (`--restart start-first`)
 */
export function whyAmbiguous(
  ready: Ready,
  isBeside: boolean,
  { seesWhoAccepts }: Pick<Platform, 'seesWhoAccepts'> = platform,
): string | null {
  const isAsked = ready.kind === 'connection' || ready.kind === 'http';
  if (!isAsked || !isBeside || seesWhoAccepts) return null;
  return `--ready ${escapeControls(ready.text)} with start-first: only Linux tells whether the old or the new process answers; give ipc, file:PATH or a /regular expression/`;
}

/** What the file of `file:PATH` was before the start. */
export type Before = string | null;

/** To be taken before the command is started: a file that was there already proves nothing. */
export const noteBefore = (ready: Ready): Before => (ready.kind === 'file' ? identifyFile(ready.path) : null);

function identifyFile(path: string): string | null {
  const stats = statOrNothing(path);
  return stats === undefined ? null : [stats.dev, stats.ino, stats.size, stats.mtimeMs, stats.ctimeMs].join(' ');
}

export interface Waiting {
  /** Just started: no event of it has been missed. */
  readonly child: ChildProcess;
  /** The PIDs of all that it has started, and its own. */
  readonly pids: () => readonly number[];
  /** False where an older one runs beside. */
  readonly isAlone: boolean;
  readonly before: Before;
  readonly timeoutMs: number;
  /** Ends the waiting, with its reason. */
  readonly signal?: AbortSignal;
}

/** Why the new process does not count as ready, for people. */
export class NotReady extends Error {
  override readonly name = 'NotReady';
}

/**
 * Resolves when the command is ready.
 * @throws NotReady where it ends first, or is late: that says what was awaited, and what was seen last
 */
export async function waitUntilReady(ready: Ready, waiting: Waiting): Promise<void> {
  const { child, timeoutMs, signal } = waiting;
  const over = new AbortController();
  const saw = { last: 'nothing' };
  const { promise, reject } = withReject();
  const awaited = escapeControls(ready.text);
  const timer = setTimeout(() => {
    reject(new NotReady(`not ready after ${timeoutMs} ms: awaited ${awaited}, seen last: ${escapeControls(saw.last)}`));
  }, timeoutMs);
  const ended = (code: number | null, by: NodeJS.Signals | null) => {
    const how = by === null ? `it ended with exit status ${code}` : `it was ended by ${by}`;
    reject(new NotReady(`${how} before it was ready: awaited ${awaited}`));
  };
  const stopped = () => reject(signal?.reason);
  child.once('exit', ended);
  signal?.addEventListener('abort', stopped);
  try {
    if (signal?.aborted) stopped();
    if (child.exitCode !== null || child.signalCode !== null) ended(child.exitCode, child.signalCode);
    await Promise.race([promise, wait(ready, waiting, saw, over.signal)]);
  } finally {
    clearTimeout(timer);
    child.off('exit', ended);
    signal?.removeEventListener('abort', stopped);
    over.abort();
  }
}

interface Saw {
  last: string;
}

/** Resolves when it is so. Leaves nothing behind once `over` is aborted. */
async function wait(ready: Ready, { child, pids, isAlone, before }: Waiting, saw: Saw, over: AbortSignal) {
  if (ready.kind === 'output') return waitForLine(child, ready.pattern, saw, over);
  if (ready.kind === 'ipc') return waitForMessage(child, saw, over);
  const look =
    ready.kind === 'file'
      ? async () => whyNotWritten(ready.path, before)
      : () => probe({ pids, isAlone, address: ready.address, ...(ready.kind === 'http' && { url: ready.url }) }, over);
  for (let waitMs = FIRST_LOOK_MS; !over.aborted; waitMs = Math.min(waitMs * 1.5, MAX_LOOK_MS)) {
    const why = await look();
    if (why === null) return;
    saw.last = why;
    await delay(waitMs, undefined, { signal: over }).catch(() => {});
  }
}

const FIRST_LOOK_MS = 10;
const MAX_LOOK_MS = 40;

function whyNotWritten(path: string, before: Before): string | null {
  const now = identifyFile(path);
  if (now === null) return 'no such file';
  return now === before ? 'the file that was there before the start, not written since' : null;
}

/** pm2's way (`wait_ready`): `process.send('ready')`. */
function waitForMessage(child: ChildProcess, saw: Saw, over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const heard = (message: unknown) => {
      saw.last = `the message ${JSON.stringify(message)?.slice(0, 200)}`;
      if (message === 'ready') resolve();
    };
    child.on('message', heard);
    over.addEventListener('abort', () => child.off('message', heard));
  });
}

/** A line is kept for the match up to so many characters. */
const MAX_LINE = 64 * 1024;

/** Colours don't count. */
function waitForLine(child: ChildProcess, pattern: RegExp, saw: Saw, over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      const decoder = new StringDecoder('utf8');
      let rest = '';
      const heard = (bytes: Buffer) => {
        const lines = (rest + decoder.write(bytes)).split(/\r?\n/);
        rest = (lines.pop() as string).slice(0, MAX_LINE);
        for (const line of lines.map(stripVTControlCharacters)) {
          saw.last = `the line ${JSON.stringify(line.slice(0, 200))}`;
          if (pattern.test(line)) resolve();
        }
      };
      stream?.on('data', heard);
      over.addEventListener('abort', () => stream?.off('data', heard));
    }
  });
}

function withReject(): { promise: Promise<never>; reject: (reason: unknown) => void } {
  let reject: (reason: unknown) => void = () => {};
  const promise = new Promise<never>((_, failed) => {
    reject = failed;
  });
  return { promise, reject };
}
