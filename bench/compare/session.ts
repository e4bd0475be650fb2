/** One tool at work on one project, from its start to the end of all that it started. */

import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cleanEnv } from '../../fixtures/releases.ts';
import { findFreePort } from '../../test/helpers/free-port.ts';
import { createMark, endMarked, findMarked, readCpuMs, toMarked } from './processes.ts';
import { type Job, type Tool, toLaunched } from './tools.ts';

/** What the server notes. */
export interface Note {
  readonly atMs: number;
  readonly pid: number;
  readonly event: 'start' | 'loaded' | 'failed';
  readonly release?: string;
  readonly error?: string;
}

export interface Session {
  readonly tool: Tool;
  /** Where it was started. */
  readonly root: string;
  readonly port: number;
  readonly mark: string;
  /** The tool's own process, or the shell that it is in. */
  readonly pid: number;
  notes(): Note[];
  /** How often the command was started. */
  countStarts(): number;
  /** What it printed, for when something goes wrong. */
  readOutput(): string;
}

/** Where a session puts what it needs besides the project. Nobody watches it. */
export interface Place {
  readonly root: string;
  readonly beside: string;
}

/**
 * Starts a tool, and ends it and all that it started when `use` is over.
 * @throws if it can't do that job
 */
export async function withTool<T>(
  tool: Tool,
  asked: Job | ((port: number) => Job),
  { root, beside }: Place,
  use: (session: Session) => Promise<T>,
  env: Readonly<Record<string, string>> = {},
): Promise<T> {
  const port = await findFreePort();
  const job = typeof asked === 'function' ? asked(port) : asked;
  const launched = toLaunched(tool, job);
  if ('unable' in launched) throw new Error(`${tool.name}: ${launched.unable}`);
  mkdirSync(beside, { recursive: true });
  for (const [name, text] of Object.entries(tool.config?.(job) ?? {})) writeFileSync(join(root, name), text);
  const [starts, output] = [join(beside, 'starts'), join(beside, 'output')];
  writeFileSync(starts, '');
  const mark = createMark();
  const fd = openSync(output, 'w');
  const own = { STARTS: starts, PORT: String(port), PM2_HOME: join(beside, 'pm2'), PATH: toPath() };
  const [file, ...words] = launched;
  try {
    const options = { cwd: root, env: { ...cleanEnv, ...own, ...env, ...toMarked(mark) }, detached: true };
    const child = spawn(file, words, { ...options, stdio: ['ignore', fd, fd] });
    child.on('error', () => {}); // then nothing starts, and that is told
    const notes = () => readNotes(starts);
    const countStarts = () => notes().filter(({ event }) => event === 'start').length;
    const readOutput = () => readFileSync(output, 'utf8').slice(-2_000);
    return await use({ tool, root, port, mark, pid: child.pid ?? 0, notes, countStarts, readOutput });
  } finally {
    closeSync(fd);
    await endMarked(mark);
  }
}

/** Starts all, each in its place, and ends all when `use` is over. */
export function withTools<T>(
  tools: readonly Tool[],
  job: Job,
  places: readonly Place[],
  use: (sessions: readonly Session[]) => Promise<T>,
): Promise<T> {
  const open = (sessions: readonly Session[]): Promise<T> => {
    const i = sessions.length;
    if (i === tools.length) return use(sessions);
    return withTool(tools[i] as Tool, job, places[i] as Place, (session) => open([...sessions, session]));
  };
  return open([]);
}

/** `node` is this one. */
const toPath = () => `${join(process.execPath, '..')}:${process.env.PATH}`;

const readNotes = (file: string): Note[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Note);

const LOOK_MS = 20;

/** Whether it comes true within that time. */
export async function within(ms: number, isMet: () => boolean | Promise<boolean>): Promise<boolean> {
  const startedMs = performance.now();
  while (!(await isMet())) {
    if (performance.now() - startedMs > ms) return false;
    await sleep(LOOK_MS);
  }
  return true;
}

const LOOK_AROUND_MS = 250;
/** What an idle process may use in that time. */
const IDLE_CPU_MS = 50;

/** Resolves when for so long nothing was noted, no process came or went, and none was busy: a tool may take its time for what it has seen. */
export async function untilQuiet({ notes, mark }: Session, quietMs: number, longestMs = 60_000): Promise<void> {
  const startedMs = performance.now();
  let [seen, used, sinceMs] = ['', 0, startedMs];
  while (performance.now() - sinceMs < quietMs && performance.now() - startedMs < longestMs) {
    await sleep(LOOK_AROUND_MS);
    const pids = findMarked(mark);
    const [now, cpuMs] = [`${notes().length} ${pids}`, pids.reduce((sum, pid) => sum + readCpuMs(pid), 0)];
    if (now !== seen || cpuMs - used > IDLE_CPU_MS) sinceMs = performance.now();
    [seen, used] = [now, cpuMs];
  }
}

const START_MS = 30_000;

/** @throws if it does not start the command */
export async function untilStarted(session: Session): Promise<void> {
  if (await within(START_MS, () => session.notes().some(({ event }) => event === 'loaded'))) return;
  throw new Error(`${session.tool.name} did not start the command: ${session.readOutput()}`);
}

const WATCHES_MS = 2_000;
const REACTS_MS = 12_000;

/**
 * Makes sure that it watches: gives it time to begin, makes a real change, and waits for the restart. Else a count of no restarts might mean
 * that it sees nothing at all.
 * @returns whether it restarted
 */
export async function warmUp(session: Session, change: () => void): Promise<boolean> {
  await untilStarted(session);
  await untilQuiet(session, WATCHES_MS);
  const before = session.countStarts();
  change();
  const reacts = await within(REACTS_MS, () => session.countStarts() > before);
  await untilQuiet(session, WATCHES_MS);
  return reacts;
}

export interface Answer {
  readonly release: string;
  readonly pid: number;
}

/** Asks the server. Rejects where it does not answer. */
export function ask(where: { port: number } | { socketPath: string }, timeoutMs = 2_000): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = get({ ...where, host: '127.0.0.1', path: '/', agent: false, timeout: timeoutMs }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part) => (text += part));
      response.on('error', reject);
      response.on('end', () => {
        const [, release = '', pid] = /^(.*) (\d+)$/.exec(text) ?? [];
        resolve({ release, pid: Number(pid) });
      });
    });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', reject);
  });
}

const CATCHES_UP_MS = 12_000;

/** What is served in the end: waits for the release on disk, but not for ever. Null where nobody answers. */
export async function untilServed(session: Session, release: string, quietMs: number): Promise<string | null> {
  await untilQuiet(session, quietMs);
  let [served, asked]: [string | null, number] = [null, 0];
  await within(CATCHES_UP_MS, async () => {
    asked++;
    served = await ask({ port: session.port }).then(
      (answer) => answer.release,
      () => null,
    );
    return served === release;
  });
  if (asked > 1) await untilQuiet(session, quietMs);
  return served;
}
