/**
 * How much memory hashing a file of 2 GiB (with `--quick`, 0.5 GiB) adds to a process: the peak of resident memory during the build,
 * minus resident memory before.
 *
 * The file is sparse and takes no disk space. Each way runs in a process of its own that has only imported the library.
 * Linux keeps the peak (`VmHWM`) and lets a process reset it (`clear_refs`), so the figure is exact and includes the thread
 * pool. Elsewhere it is `resourceUsage().maxRSS`; on Linux a child inherits its parent's.
 */

import { closeSync, ftruncateSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runChild } from '../../src/cli/bench/child.ts';
import type { Bench } from '../context.ts';
import { atMost } from '../results/claims.ts';
import { toRow } from '../results/table.ts';
import { toImport } from '../timing/children.ts';

const GIB = 2 ** 30;

export function benchMemory(bench: Bench): void {
  const file = join(bench.scratch, 'sparse');
  const size = bench.quick ? 0.5 : 2;
  const fd = openSync(file, 'w');
  ftruncateSync(fd, size * GIB);
  closeSync(fd);
  for (const way of ['buildManifest', 'buildManifestSync']) {
    const { beforeKb, peakKb, ms } = runChild<{ beforeKb: number; peakKb: number; ms: number }>(
      toSource(bench, way, file),
    );
    const mib = (peakKb - beforeKb) / 1024;
    const note = `${(beforeKb / 1024).toFixed(1)} MiB before, peak ${(peakKb / 1024).toFixed(1)}, ${ms.toFixed(0)} ms`;
    bench.report(
      toRow({ table: 'memory', corpus: `${size} GiB, sparse`, what: `${way} adds` }, mib, 'MiB', atMost(16), note),
    );
  }
  rmSync(file);
}

function toSource(bench: Bench, way: string, file: string): string {
  return `
    import { readFileSync, writeFileSync } from 'node:fs';
    import { ${way} } from ${toImport(bench.dist, 'index.js')};
    const isLinux = process.platform === 'linux';
    const status = (field) => Number(new RegExp(field + ':\\\\s+(\\\\d+)').exec(readFileSync('/proc/self/status', 'utf8'))[1]);
    if (isLinux) writeFileSync('/proc/self/clear_refs', '5');
    const beforeKb = isLinux ? status('VmRSS') : process.memoryUsage.rss() / 1024;
    const started = performance.now();
    await ${way}(${JSON.stringify(file)});
    const ms = performance.now() - started;
    const peakKb = isLinux ? status('VmHWM') : process.resourceUsage().maxRSS;
    console.log(JSON.stringify({ beforeKb, peakKb, ms }));`;
}
