/** A client that connects anew every 5 ms, as long as the storm lasts, and what it had to do without. */

import { get } from 'node:http';

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
/** Who has waited for so long was forgotten: no act stops a process for half of it. */
const HANGS_MS = 10_000;
/** In place of an error code. */
export const HANGS = `no answer in ${HANGS_MS / 1_000} s`;
/** Less than what waits to be accepted at most (511): a process that is stopped must not lose any. */
const MOST_OPEN = 200;

export function startClient(port: number): Client {
  const asked: Asked[] = [];
  const starts = new Map<string, number>();
  const open = new Set<Promise<void>>();
  const timer = setInterval(() => {
    if (open.size >= MOST_OPEN) return;
    const fromMs = performance.now();
    const one = ask(port).then(({ failed, said }) => {
      open.delete(one);
      if (said?.coldStartMs != null) starts.set(`${said.pid} ${said.generation}`, said.coldStartMs);
      asked.push({ fromMs, toMs: performance.now(), failed });
    });
    open.add(one);
  }, EVERY_MS);
  return {
    get coldStartsMs() {
      return [...starts.values()];
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
      return asked.sort((a, b) => a.fromMs - b.fromMs);
    },
  };
}

interface Said {
  readonly pid: number;
  readonly generation: number;
  readonly coldStartMs: number | null;
}

function ask(port: number): Promise<{ failed?: string; said?: Said }> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(HANGS_MS);
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
