/**
 * A rehearsal that goes on to readiness: the host serves where nobody finds it, its probe says whether that works, and the process ends.
 * @module
 */

import { writeSync } from 'node:fs';
import type { AddressInfo, ListenOptions, Server } from 'node:net';
import { join } from 'node:path';
import type { Detector } from '../change/detector.ts';
import { randomHex } from '../disk/random-name.ts';
import { toToken } from '../manifest/manifest.ts';
import { report } from './handoff/protocol.ts';
import { makeScratch } from './handoff/scratch.ts';
import { createSockets } from './handoff/sockets.ts';
import type { Probe } from './options.ts';

/** What the host gets for a runner: it holds no lock, writes no state, and tells nobody but the process that rehearses it. */
export function createRehearsal(detector: Detector, generation: number, probe: Probe) {
  const sockets = createSockets([]);
  const ports: number[] = [];
  const paths: string[] = [];

  async function listen(server: Server, options: ListenOptions): Promise<void> {
    const elsewhere = toElsewhere(options);
    await sockets.listen(server, elsewhere);
    if (elsewhere.path === undefined) ports.push((server.address() as AddressInfo).port);
    else paths.push(elsewhere.path);
  }

  return {
    generation,
    isHandedOver: false,
    isRehearsal: true,
    detector,
    token: toToken(detector.baseline.fingerprint),
    listen,
    onHandOff() {},
    async ready(): Promise<void> {
      try {
        if (probe !== true && (await probe({ ports, paths })) !== true) throw new Error('canRehearse said no');
      } catch (error) {
        writeSync(2, `${error instanceof Error ? (error.stack ?? error) : `Error: ${error}`}\n`);
        process.exit(1);
      }
      report({ at: 'rehearsed' });
      process.exit(0);
    },
    async stop() {},
  };
}

/** A free port of the loopback, or a name of its own: what the host asked for is its predecessor's. */
function toElsewhere({ fd: _, path, ...options }: ListenOptions & { fd?: number }): ListenOptions {
  if (path === undefined) return { ...options, host: '127.0.0.1', port: 0 };
  if (path.startsWith('\0')) return { ...options, path: `\0distprint-${randomHex(8)}` };
  return { ...options, path: join(makeScratch(), 'socket') };
}
