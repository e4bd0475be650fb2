import type { Report } from '../../src/cli/bench/report.ts';
import { distprint } from './cli.ts';
import type { Ran, RunOptions } from './run.ts';

/** A run takes some 5 s, and a minute where others have the cores. */
export const BENCH_MS = 150_000;

export const bench = (args: readonly string[], options: RunOptions = {}): Promise<Ran> =>
  distprint(['bench', ...args], { timeout: BENCH_MS, ...options });

/** With `--quick --json`. */
export async function benchJson(...args: string[]): Promise<{ code: number | null; report: Report }> {
  const { code, stdout, stderr } = await bench([...args, '--quick', '--json']);
  if (stderr !== '') throw new Error(stderr);
  return { code, report: JSON.parse(stdout) as Report };
}

/** So many files of a few bytes, five a folder. */
export const makeFiles = (count: number): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`dist/d${Math.floor(i / 5)}/f${i}.js`, `export ${i};\n`]),
  );
