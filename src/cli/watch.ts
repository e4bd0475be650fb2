/**
 * `distprint watch`: a heartbeat for people to see.
 * @module
 */

import { type Check, type Detector, openDetector, type Verdict } from '../change/detector.ts';
import { startHeartbeat } from '../change/heartbeat.ts';
import { MAX_TIMER_MS } from '../change/repeat.ts';
import { escapeControls } from '../runner/log.ts';
import { toMany } from './bench/figures.ts';
import { assertCoversFiles, type GlobOptions, toCoverage } from './coverage.ts';
import { colors, print, printJson, roundMs, toDiffSummary, toMs, toShown, toSize, VERDICT_COLOURS } from './output.ts';
import { withProgress } from './progress.ts';

export interface WatchOptions extends GlobOptions {
  /** Milliseconds. */
  interval: number;
  beats?: number;
  json?: boolean;
}

/**
 * Ends after `beats` beats, or at SIGINT or SIGTERM.
 * @throws what `openDetector` throws: nothing to watch at the start, say
 */
export async function watch(path: string, options: WatchOptions): Promise<void> {
  const startedMs = performance.now();
  const detector = await withProgress(() => openDetector({ path, ...toCoverage(options) }));
  const elapsedMs = performance.now() - startedMs;
  assertCoversFiles(path, options, detector.baseline);
  // Before the first line: its reader may end us at once.
  const stop = new AbortController();
  const end = () => stop.abort();
  process.once('SIGINT', end).once('SIGTERM', end);
  if (options.json) printJson(toStartJson(path, detector.baseline, elapsedMs));
  else print(toStartLine(path, detector.baseline, elapsedMs));

  const seen: Verdict[] = [];
  const printBeat = options.json ? printBeatJson : createBeatLines();
  await new Promise<void>((resolve) => {
    const alive = setInterval(() => {}, MAX_TIMER_MS); // the heartbeat's own timer keeps no process alive
    stop.signal.addEventListener('abort', () => {
      clearInterval(alive);
      resolve();
    });
    let beatStartedMs = 0;
    const timed = {
      check() {
        beatStartedMs = performance.now();
        return detector.check();
      },
      whereToListen: detector.whereToListen,
    };
    const onBeat = (check: Check) => {
      const elapsedMs = performance.now() - beatStartedMs;
      seen.push(check.verdict);
      printBeat(seen.length, check, elapsedMs);
      if (seen.length === options.beats) end();
    };
    startHeartbeat({
      detector: timed,
      intervalMs: options.interval,
      wake: true,
      onNote: (note) => process.stderr.write(`distprint: ${note}\n`),
      onBeat,
      signal: stop.signal,
    });
  });
  process.off('SIGINT', end).off('SIGTERM', end);
  const summary = toSummary(seen);
  if (options.json) process.stderr.write(`${summary}\n`);
  else print(summary);
}

type PrintBeat = (beat: number, check: Check, elapsedMs: number) => void;

const printBeatJson: PrintBeat = (beat, check, elapsedMs) => printJson(toBeatJson(beat, check, elapsedMs));

/** For people: a beat that says nothing new takes the place of the line that said it, on a terminal; elsewhere it has no line. */
function createBeatLines(): PrintBeat {
  let last: Check | undefined;
  return (beat, check, elapsedMs) => {
    const isNews = last === undefined || check.filesRead > 0 || !saysTheSame(last, check);
    const isOver = !isNews && last?.filesRead === 0;
    if (isNews || IS_TERMINAL) print((isOver ? OVER_LAST_LINE : '') + toBeatLine(beat, check, elapsedMs));
    last = check;
  };
}

const saysTheSame = (a: Check, b: Check) =>
  a.verdict === b.verdict && a.fingerprint === b.fingerprint && a.reason === b.reason;

const IS_TERMINAL = process.stdout.isTTY && process.env.TERM !== 'dumb';
/** Up one line, and clear it. */
const OVER_LAST_LINE = '\x1b[1A\x1b[2K';

function toStartLine(path: string, baseline: Detector['baseline'], elapsedMs: number): string {
  const name = [baseline.name ?? path, baseline.version]
    .filter((part) => part !== null)
    .map(toShown)
    .join(' ');
  const files = `${toMany(baseline.entries.length, 'file')}, ${toSize(baseline.bytes ?? 0)}`;
  return `${colors.bold(name)}  ${files}  ${baseline.fingerprint}  read in ${toMs(elapsedMs)}`;
}

/** The start is beat 0. */
function toStartJson(path: string, baseline: Detector['baseline'], elapsedMs: number) {
  const { kind, name, version, fingerprint, entries, bytes } = baseline;
  const beat = toBeat(0, { verdict: 'current', fingerprint, filesRead: entries.length }, elapsedMs);
  return { ...beat, path, kind, name, version, files: entries.length, bytes };
}

function toBeat(beat: number, check: Pick<Check, 'verdict' | 'fingerprint' | 'filesRead'>, elapsedMs: number) {
  const { verdict, fingerprint, filesRead } = check;
  return { beat, time: new Date().toISOString(), verdict, fingerprint, elapsedMs: roundMs(elapsedMs), filesRead };
}

function toBeatJson(beat: number, check: Check, elapsedMs: number) {
  const { changes, versions, reason } = check;
  return {
    ...toBeat(beat, check, elapsedMs),
    ...(changes && { changes }),
    ...(versions && { versions }),
    ...(reason && { reason }),
  };
}

function toBeatLine(beat: number, check: Check, elapsedMs: number): string {
  const cost = `${toMs(elapsedMs)}, ${toMany(check.filesRead, 'file')} read`;
  const detail = check.reason ?? (check.changes && toDiffSummary(check.changes));
  const time = new Date().toTimeString().slice(0, 8);
  return `${time}  beat ${beat}  ${VERDICT_COLOURS[check.verdict](check.verdict)}  ${cost}${detail ? `  ${escapeControls(detail)}` : ''}`;
}

function toSummary(seen: readonly Verdict[]): string {
  const counts = new Map<Verdict, number>();
  for (const verdict of seen) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  const each = [...counts].map(([verdict, count]) => `${count} ${verdict}`).join(', ');
  return `${toMany(seen.length, 'beat')}${each && `: ${each}`}; at the end ${seen.at(-1) ?? 'current'}`;
}
