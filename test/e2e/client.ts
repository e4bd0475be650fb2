/** Who asks the daemon of fixtures/runner: once, or again and again. */

import { get } from 'node:http';

/** What the daemon says of itself. */
export interface Answer {
  readonly release: string;
  readonly pid: number;
  readonly generation: number;
  readonly isHandedOver: boolean;
  readonly argv: string[];
  readonly execArgv: string[];
}

export function ask(port: number, method: string, path: string): Promise<unknown> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path, method, agent: false, timeout: 5_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (more: string) => {
        text += more;
      });
      response.on('end', () => resolve(JSON.parse(text)));
      response.on('error', () => resolve(undefined));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(undefined));
  });
}

export interface Polled {
  readonly answers: number;
  /** Milliseconds since the start, and what went wrong. */
  readonly failures: { readonly atMs: number; readonly code: string }[];
  /** Who answered, in the order in which they first did. */
  readonly pids: number[];
}

/** A client that connects anew every few milliseconds, whatever became of the times before. */
export function poll(port: number, everyMs: number): { stop(): Promise<Polled> } {
  const startedMs = performance.now();
  const failures: { atMs: number; code: string }[] = [];
  const pids = new Set<number>();
  const open = new Set<Promise<void>>();
  let answers = 0;
  const once = () =>
    new Promise<void>((resolve) => {
      const fail = (error: NodeJS.ErrnoException) => {
        failures.push({ atMs: Math.round(performance.now() - startedMs), code: error.code ?? error.message });
        resolve();
      };
      get({ host: '127.0.0.1', port, path: '/status', agent: false }, (response) => {
        let text = '';
        response.on('data', (more: Buffer) => {
          text += more;
        });
        response.on('error', fail).on('end', () => {
          answers++;
          pids.add((JSON.parse(text) as Answer).pid);
          resolve();
        });
      }).on('error', fail);
    });
  const timer = setInterval(() => {
    const one = once().finally(() => open.delete(one));
    open.add(one);
  }, everyMs);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
      return { answers, failures, pids: [...pids] };
    },
  };
}
