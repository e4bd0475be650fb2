/**
 * `distprint bench`: what distprint costs for this package, on this machine. The step that a user's own CI runs.
 * @module
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { statOrNothing } from '../disk/stat.ts';
import { writeFileAtomic } from '../disk/write-file.ts';
import { DistprintError } from '../errors.ts';
import { drawChart } from './bench/chart.ts';
import { toGithub } from './bench/github.ts';
import { toHyperfine } from './bench/hyperfine.ts';
import { toMarkdown } from './bench/markdown.ts';
import { measureBuild } from './bench/measure-build.ts';
import { toOpenMetrics } from './bench/openmetrics.ts';
import type { Report } from './bench/report.ts';
import { toText } from './bench/text.ts';
import { type GlobOptions, toCoverage } from './coverage.ts';
import { colors, DIFFERENT, printJson, SAME } from './output.ts';
import { createRoundsLine } from './progress.ts';
import { endAlike } from './run/signals.ts';

export interface BenchCliOptions extends GlobOptions {
  /** Milliseconds. */
  budget: number;
  /** Fractions. */
  maxShare: number;
  maxSlower: number;
  /** Milliseconds. */
  maxStall: number;
  baseline?: string;
  quick?: boolean;
  json?: boolean;
  md?: boolean;
  format?: Format;
  svg?: string;
}

type Format = 'github' | 'hyperfine' | 'openmetrics';

/**
 * @param library the URL of distprint's own entry point
 * @throws what `measureBuild` throws; ERR_DISTPRINT_HOST where the runtime can't be measured
 */
export async function bench(path: string, options: BenchCliOptions, library: string): Promise<void> {
  if (process.versions.bun !== undefined) {
    throw new DistprintError(
      'ERR_DISTPRINT_HOST',
      'distprint bench runs on Node: Bun does not tell which files are read',
    );
  }
  const { budget, maxShare, maxStall, maxSlower, baseline, quick = false, svg } = options;
  if (svg !== undefined) insistOnFolder(svg);
  const progress = createRoundsLine();
  let scratch: string | undefined;
  const clear = () => {
    progress.end();
    if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
  };
  endAtSignals(clear);
  scratch = mkdtempSync(join(tmpdir(), 'distprint-bench-'));
  try {
    const report = await measureBuild({
      path,
      coverage: toCoverage(options),
      limits: { budgetMs: budget, maxShare, maxStallMs: maxStall, maxSlower },
      baseline,
      quick,
      library,
      scratch,
      say: progress.say,
    });
    progress.end();
    if (svg !== undefined) await writeFileAtomic(svg, drawChart(report));
    print(report, options);
    process.exitCode = report.verdict === 'within' ? SAME : DIFFERENT;
  } finally {
    await turn(); // a signal that ended a process of ours has reached us too
    clear();
  }
}

/** Before anything is measured. */
function insistOnFolder(file: string): void {
  if (statOrNothing(dirname(resolve(file)))?.isDirectory()) return;
  throw new DistprintError('ERR_DISTPRINT_NOT_FOUND', `--svg ${file}: its folder is not there; make it first`, {
    path: file,
  });
}

/** Without a verdict: as if nobody had handled the signal. */
function endAtSignals(clear: () => void): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      clear();
      endAlike({ code: null, signal });
    });
  }
}

function print(report: Report, { json, md, format }: BenchCliOptions): void {
  if (json) printJson(report);
  else if (md) process.stdout.write(toMarkdown(report));
  else if (format === 'github') printJson(toGithub(report));
  else if (format === 'hyperfine') printJson(toHyperfine(report));
  else if (format === 'openmetrics') process.stdout.write(toOpenMetrics(report));
  else process.stdout.write(`${toText(report).map(paint).join('\n')}\n`);
}

function paint(line: string): string {
  if (line.startsWith('over: ')) return colors.red(line);
  return line.startsWith('within: ') ? colors.green(line) : line;
}
