/**
 * Tells Prometheus of a runner, with each state that it writes.
 * @module
 */

import { toInstalled } from '../change/metrics.ts';
import { createMetricsFile } from '../change/metrics-file.ts';
import { toRunnerMetrics } from './role/metrics.ts';
import type { RunnerState } from './role/state-file.ts';
import type { Running, Say } from './running.ts';

/** @param find the runner: it is not made yet when its journal is */
export function createMetricsWriter(
  path: string | undefined,
  find: () => Running,
  say: Say,
): ((state: RunnerState) => Promise<void>) | undefined {
  if (path === undefined) return undefined;
  const file = createMetricsFile(path, (trouble) => say('metrics', trouble));
  return (state) => {
    const { identity, detector, tally } = find();
    const { name = null } = detector.baseline;
    const installed = toInstalled(tally.last, identity.started);
    return file.write(
      toRunnerMetrics(state, { source: file.source, name, installed, verdict: null, tally, isRunning: null }),
    );
  };
}
