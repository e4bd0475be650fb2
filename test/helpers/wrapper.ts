import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { distprintCommand } from './cli.ts';
import { isWindows } from './needs.ts';
import { plainEnv } from './run.ts';
import { findFault } from './schemas.ts';
import { makeTemp } from './temp.ts';
import { until as untilWithin } from './wait.ts';

/** Bounds must hold on a busy machine: starts take seconds there. */
const until: typeof untilWithin = (what, get) => untilWithin(what, get, 10, 40_000);

/** A line of `--json` (docs/run.md). */
export interface RunEvent {
  readonly event: string;
  readonly pid?: number;
  readonly reason?: string;
  readonly why?: string;
  readonly fingerprint?: string;
  readonly changed?: { readonly paths: readonly string[]; readonly from: string | null; readonly to: string | null };
  readonly [more: string]: unknown;
}

/** What was told with `--json`: all, or those of one name. */
export function readEvents(json: string, name?: string): RunEvent[] {
  try {
    const all = readFileSync(json, 'utf8').split('\n').slice(0, -1);
    return all.map((line) => JSON.parse(line) as RunEvent).filter(({ event }) => name === undefined || event === name);
  } catch {
    return []; // nothing has happened yet
  }
}

export interface WrapperOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** What stands before the command line: `script`, say. */
  readonly launcher?: readonly string[];
  readonly cli?: readonly string[];
  /** Whether it has a channel for messages. */
  readonly ipc?: boolean;
}

/** No event tells of a change on Windows. */
const OFTEN = isWindows ? ['--interval', '300ms'] : [];

/** Starts `distprint run`; whatever becomes of the test, it ends with all that it started. */
export function startWrapper(options: readonly string[], command: readonly string[], how: WrapperOptions = {}) {
  const json = join(makeTemp(), 'events.jsonl');
  const words = [...(how.cli ?? distprintCommand), 'run', '--json', json, ...OFTEN, ...options, '--', ...command];
  const [file = '', ...rest] = [...(how.launcher ?? []), ...words];
  const child = spawn(file, rest, {
    stdio: ['pipe', 'pipe', 'pipe', ...(how.ipc ? (['ipc'] as const) : [])],
    env: { ...plainEnv, ...how.env },
    ...(how.cwd !== undefined && { cwd: how.cwd }),
  });
  const closed = once(child, 'close') as Promise<[code: number | null, signal: NodeJS.Signals | null]>;
  let stdout = '';
  let stderr = '';
  child.stdin?.on('error', () => {});
  child.stdout?.on('data', (bytes) => (stdout += bytes));
  child.stderr?.on('data', (bytes) => (stderr += bytes));
  onTestFinished(async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 2_000);
    await closed;
    clearTimeout(timer);
    for (const event of events()) expect(findFault('run', event)).toBeNull();
  });
  const events = (name?: string) => readEvents(json, name);
  return {
    child,
    pid: child.pid as number,
    /** The wrapper's own command line. */
    words,
    events,
    /** The nth event of that name, from 1. */
    event: (name: string, n = 1) =>
      until(`${name} ${n}; there is ${JSON.stringify(events())} ${stderr}`, () => events(name)[n - 1]),
    lines: () => stdout.split(/\r?\n/).slice(0, -1),
    /** The first line of the command's output, from the `from`th on, that holds this. */
    line(text: string, from = 0) {
      const find = () =>
        stdout
          .split(/\r?\n/)
          .slice(from, -1)
          .find((line) => line.includes(text));
      return until(`the line ${text}; there is ${stdout} ${stderr}`, find);
    },
    stderr: () => stderr,
    /** Once it has said this on stderr. */
    said: (text: string) => until(`${text}; there is ${stderr}`, () => (stderr.includes(text) ? true : undefined)),
    /** With --verbose: so many processes have loaded their files. */
    loaded: (n = 1) =>
      until(`${n} loaded; there is ${stdout} ${stderr}`, () =>
        stderr.split('has loaded its files').length > n ? true : undefined,
      ),
    type: (text: string) => void child.stdin?.write(text),
    async end(signal?: NodeJS.Signals) {
      if (signal !== undefined) child.kill(signal);
      const [code, by] = await closed;
      return { code, signal: by };
    },
  };
}

export const isThere = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    if (isWindows) return true;
    // A zombie has ended.
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
};

/** A server that says its version and its PID, and lives until it is ended. */
export const serverOf = (version: string): string => `
console.log(${JSON.stringify(version)}, process.pid);
setInterval(() => {}, 1e6);
`;
