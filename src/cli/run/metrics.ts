/**
 * Tells Prometheus what runs, as a runner does: `--metrics-file`.
 * @module
 */

import { createMetricsFile } from '../../change/metrics-file.ts';
import { toRunnerMetrics } from '../../runner/role/metrics.ts';
import { type Record, toOwnState } from './record.ts';
import { createNoteOnce } from './say.ts';
import type { Wrapper } from './wrapper.ts';

export interface MetricsRecord extends Record {
  /** The last words. Where we were asked to end, nobody is to wait for a beat. */
  end(): void;
}

/** There is one wrapper for each file, and no lock that would count them. */
const GENERATION = 1;

export function startMetrics(wrapper: Wrapper, path: string, argv: readonly string[]): MetricsRecord {
  const file = createMetricsFile(path, createNoteOnce(wrapper.say));

  function toMetrics() {
    const { look, leaving } = wrapper.state;
    const me = { pid: process.pid, started: '' };
    const own = toOwnState(wrapper, me, GENERATION, argv);
    const tree = look?.state === 'settled' ? look.content?.trees[0] : undefined;
    const installed = tree ? { version: tree.pass.subject.version, fingerprint: tree.fingerprint } : null;
    const name = tree?.pass.subject.name ?? wrapper.state.current?.content?.trees[0]?.pass.subject.name ?? null;
    const distprint = own && { ...own, intervalMs: leaving === null ? own.intervalMs : null };
    const state = { pid: me.pid, lastHeartbeat: new Date().toISOString(), ...(distprint && { distprint }) };
    return toRunnerMetrics(state, {
      source: file.source,
      name,
      installed,
      verdict: null,
      tally: null,
      isRunning: null,
    });
  }

  const write = () => void file.write(toMetrics());
  setInterval(write, wrapper.intervalMs).unref();
  return { write, end: () => file.writeSync(toMetrics()) };
}
