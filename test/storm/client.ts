/** A client that connects anew every 5 ms, as long as the storm lasts, and what it had to do without. */

import { get } from 'node:http';
import { sleep } from '../helpers/wait.ts';

export interface Asked {
  readonly fromMs: number;
  readonly toMs: number;
  /** What the system called the failure; undefined where it was answered. */
  readonly failed: string | undefined;
}

/**
 * Questions in a row that failed: from the first failure to the last. How long a connection waited before it was reset, and when the next was
 * made, says nothing of who listened. Times are performance.now().
 */
export interface Outage {
  readonly fromMs: number;
  /** Infinity where none was answered any more. */
  readonly toMs: number;
  readonly codes: Readonly<Record<string, number>>;
}

export interface Client {
  /** How long each process took from its start to its first answer, in ms, as it says itself: on the machine as it was then. */
  readonly coldStartsMs: readonly number[];
  stop(): Promise<readonly Asked[]>;
}

const EVERY_MS = 5;
/**
 * Who has waited for so long was forgotten: no act stops a process for half of it. In turns of the client's own timer, so that a machine
 * that stands still is not the server's fault.
 */
const HANGS_AFTER = 10_000 / EVERY_MS;
/** In place of an error code. */
export const HANGS = 'no answer in 10 s';
/** Less than what waits to be accepted at most (511): a process that is stopped must not lose any. */
const MOST_OPEN = 200;

export function startClient(port: number): Client {
  const asked: Asked[] = [];
  const starts = new Map<string, number>();
  const open = new Set<{ sinceTurn: number; hangs: AbortController }>();
  let isOver = false;
  let turn = 0;
  const timer = setInterval(() => {
    turn++;
    for (const { sinceTurn, hangs } of open) if (turn - sinceTurn > HANGS_AFTER) hangs.abort();
    if (isOver || open.size >= MOST_OPEN) return;
    const fromMs = performance.now();
    const one = { sinceTurn: turn, hangs: new AbortController() };
    open.add(one);
    void ask(port, one.hangs.signal).then(({ failed, said }) => {
      open.delete(one);
      if (said?.coldStartMs != null) starts.set(`${said.pid} ${said.generation}`, said.coldStartMs);
      asked.push({ fromMs, toMs: performance.now(), failed });
    });
  }, EVERY_MS);
  return {
    get coldStartsMs() {
      return [...starts.values()];
    },
    async stop() {
      isOver = true;
      while (open.size > 0) await sleep(EVERY_MS);
      clearInterval(timer);
      return asked.sort((a, b) => a.fromMs - b.fromMs);
    },
  };
}

interface Said {
  readonly pid: number;
  readonly generation: number;
  readonly coldStartMs: number | null;
}

function ask(port: number, signal: AbortSignal): Promise<{ failed?: string; said?: Said }> {
  return new Promise((resolve) => {
    const fail = (error: NodeJS.ErrnoException) =>
      resolve({ failed: signal.aborted ? HANGS : (error.code ?? error.message) });
    get({ host: '127.0.0.1', port, agent: false, signal }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (more: string) => {
        text += more;
      });
      response.on('error', fail).on('end', () => resolve({ said: JSON.parse(text) as Said }));
    }).on('error', fail);
  });
}

/** In the order in which they were asked. */
export function findOutages(asked: readonly Asked[]): Outage[] {
  const outages: Outage[] = [];
  let codes: Record<string, number> = {};
  let failedMs: number[] = [];
  const end = (isOver: boolean) => {
    outages.push({ fromMs: Math.min(...failedMs), toMs: isOver ? Math.max(...failedMs) : Infinity, codes });
    failedMs = [];
    codes = {};
  };
  for (const [i, one] of asked.entries()) {
    if (one.failed !== undefined) {
      failedMs.push(one.toMs);
      codes[one.failed] = (codes[one.failed] ?? 0) + 1;
    } else if (failedMs.length > 0 && !wasOvertaken(one, asked, i)) end(true);
  }
  if (failedMs.length > 0) end(false);
  return outages;
}

/**
 * Whether a question that was asked later failed before this one had its answer. Then its packet was held up, on a processor that had other
 * things to do, and it does not tell that somebody listened when it was asked. It happens to any server that is started again.
 */
function wasOvertaken({ toMs }: Asked, asked: readonly Asked[], at: number): boolean {
  for (let i = at + 1; ; i++) {
    const later = asked[i];
    if (later === undefined || later.fromMs > toMs) return false;
    if (later.failed !== undefined) return true;
  }
}
