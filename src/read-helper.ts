/**
 * The second thread of `readFiles`: takes its share of the files, and hands over what it read.
 * @module
 */

import { parentPort, workerData } from 'node:worker_threads';
import { readShare, type Share, toColumns } from './read-files.ts';
import { runSync } from './steps.ts';

const share = workerData as Share;
Atomics.store(share.counter, 1, 1);
parentPort?.postMessage(toColumns(runSync(readShare(share))));
