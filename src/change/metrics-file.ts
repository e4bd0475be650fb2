/**
 * A file for node_exporter's textfile collector.
 * @module
 */

import { basename, resolve } from 'node:path';
import { writeFileAtomic, writeFileAtomicSync } from '../disk/write-file.ts';
import { errnoOf } from '../errors.ts';
import { type Metrics, toMetricsText } from './metrics.ts';

export interface MetricsFile {
  /** Of what is written there: the file's name without `.prom`. No two files of the collector's folder share it. */
  readonly source: string;
  /** One write at a time; of those that wait, the last. Never rejects: who is watched works on where this fails. */
  write(metrics: Metrics): Promise<void>;
  /** The same, blocking: for a process that is about to end. */
  writeSync(metrics: Metrics): void;
}

/** @param tell told of trouble, each time it is met */
export function createMetricsFile(path: string, tell: (trouble: string) => void): MetricsFile {
  const target = resolve(path); // a process may change its directory
  let waiting: Metrics | undefined;
  let writing: Promise<void> | undefined;

  async function writeAll(): Promise<void> {
    for (let next = waiting; next !== undefined; next = waiting) {
      waiting = undefined;
      try {
        await writeFileAtomic(target, toMetricsText(next));
      } catch (error) {
        tell(explain(path, error));
      }
    }
    writing = undefined;
  }

  return {
    source: basename(path, '.prom'),
    write(metrics) {
      waiting = metrics;
      writing ??= writeAll();
      return writing;
    },
    writeSync(metrics) {
      try {
        writeFileAtomicSync(target, toMetricsText(metrics));
      } catch (error) {
        tell(explain(path, error));
      }
    },
  };
}

const explain = (path: string, error: unknown) =>
  `the metrics can't be written to ${path}: ${errnoOf(error) ?? (error as Error).message}`;
