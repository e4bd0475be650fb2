import { get, type IncomingMessage } from 'node:http';

/** Wine does not always tell that the other end was killed. */
const TIMEOUT_MS = 1_000;

/** What a server at this port of this machine answers, over a connection of its own; undefined where nobody does. */
export const ask = (port: number): Promise<string | undefined> =>
  new Promise((resolve) => {
    const failed = () => resolve(undefined);
    const answered = async (answer: IncomingMessage) => resolve(Buffer.concat(await answer.toArray()).toString());
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const asked = get({ host: '127.0.0.1', port, agent: false, signal }, (answer) => {
      void answered(answer).catch(failed);
    });
    asked.on('error', failed);
  });
