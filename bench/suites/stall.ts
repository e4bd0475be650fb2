/**
 * The longest time for which a check after a change holds the event loop, in a tree of a size that no package has. What a beat and a cold
 * build of each corpus take, the product says itself (own.ts), by the same clock (src/cli/bench/stall.ts).
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { measureStall } from '../../src/cli/bench/stall.ts';
import type { Bench } from '../context.ts';
import { atMost } from '../results/claims.ts';
import { toRow, toSpread } from '../results/table.ts';
import { generateTree, waitUntilNotRacy } from '../subjects/trees.ts';
import { STALL_TABLE } from './own.ts';

const FILES = 200_000;
/** Of 1.4 s that it took once. What is left grows with the tree: one text for the cache file, one comparison of manifests. */
const TARGET = atMost(50);

/** One file changes, all of the manifest is compared, and the cache file is written anew. */
export async function benchStall({ lib, report }: Bench): Promise<void> {
  const root = generateTree(FILES);
  await waitUntilNotRacy();
  const folder = mkdtempSync(join(tmpdir(), 'distprint-bench-'));
  const file = join(root, 'part-0/directory-0/module-0.js');
  const before = readFileSync(file);
  try {
    const detector = lib.createDetector({ path: root, cacheFile: join(folder, 'cache'), settleMs: 1 });
    const stalls: number[] = [];
    for (let run = -1; run < 5; run++) {
      writeFileSync(file, `export const answer = ${run};\n`);
      const stall = await measureStall(async () => {
        while ((await detector.check()).verdict === 'settling') await sleep(10);
      });
      if (run >= 0) stalls.push(stall);
    }
    const head = {
      table: STALL_TABLE,
      corpus: `${FILES.toLocaleString('en')} files`,
      what: 'after a change, with a cacheFile',
    };
    report(toRow(head, stalls, 'ms', TARGET, toSpread(stalls)));
  } finally {
    writeFileSync(file, before);
    rmSync(folder, { recursive: true });
  }
}
