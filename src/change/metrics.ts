/**
 * What Prometheus is told of one process, as plain data and as text.
 *
 * The text is of two formats at once: OpenMetrics 1.0, and the text format of Prometheus (0.0.4) that node_exporter's textfile collector
 * and promtool read. Gauges and histograms are written alike in both, so there are no others: the `TYPE` of a counter has `_total` in one
 * format and not in the other, and the types `info` and `stateset` are in one only. To the older format `# UNIT` and `# EOF` are comments.
 *
 * prom-client 15 would bring 158 kB into each host's bundle: an import on demand does not build where a bundler writes one file. What it
 * writes as OpenMetrics has counters that promtool refuses, and no units.
 * @module
 */

import type { Check } from './detector.ts';
import type { Histogram } from './histogram.ts';
import type { Tally } from './tally.ts';

/** A release, as far as it is known. */
export interface Release {
  readonly version: string | null;
  readonly fingerprint: string | null;
}

/** What is null is not told. */
export interface Metrics {
  /** Tells the processes of a machine from each other. */
  readonly source: string;
  /** Of the package. */
  readonly name: string | null;
  readonly started: Release | null;
  readonly installed: Release | null;
  readonly verdict: string | null;
  /** Date.now() of it. */
  readonly lastBeatMs: number | null;
  /** Null also once the beats were ended on purpose. */
  readonly intervalMs: number | null;
  readonly tally: Tally | null;
  readonly isRunning: boolean | null;
  readonly runner: RunnerMetrics | null;
}

export interface RunnerMetrics {
  readonly generation: number;
  readonly strategy: string;
  readonly ready: boolean;
  readonly isHandingOff: boolean;
  /** The closed one. */
  readonly gate: string | null;
  readonly handOffSeconds: Readonly<Record<string, Histogram>>;
}

/** The text of a family, once its source is known. None where it has no sample. */
type Family = (source: string) => string;
type Labels = Readonly<Record<string, string | number | null>>;
export type Sample = readonly [suffix: string, labels: Labels, value: number];

export const VERDICTS = ['current', 'settling', 'changed', 'missing'];
export const GATES = ['strategy', 'back-off', 'breaker', 'turn', 'idle', 'throttle', 'claim', 'program'];

/** Ends with `# EOF`, and a newline. */
export function toMetricsText(metrics: Metrics): string {
  const { verdict, lastBeatMs, intervalMs, tally, isRunning, runner } = metrics;
  const families = [
    gauge('build_info', 'The code that started, and the code that is installed.', toBuilds(metrics)),
    gauge(
      'verdict',
      'What the last beat concluded: 1 for one verdict, 0 for the others.',
      toStates('verdict', VERDICTS, verdict),
    ),
    gauge('last_beat_timestamp_seconds', 'When it looked last.', toSample(toSeconds(lastBeatMs)), 'seconds'),
    gauge('beat_interval_seconds', 'From one beat to the next.', toSample(toSeconds(intervalMs)), 'seconds'),
    histogram('beat_duration_seconds', 'How long the looks took.', tally ? [[{}, tally.seconds]] : [], 'seconds'),
    histogram(
      'changed_files',
      'How many files differed, once for each new content.',
      tally ? [[{}, tally.changedFiles]] : [],
    ),
    gauge('running', 'Whether a runner holds the lock and lives.', toSample(isRunning)),
    ...(runner === null ? [] : toRunnerFamilies(runner)),
  ];
  return writeFamilies(metrics.source, families);
}

/** Families that `gauge` made, of one source. */
export const writeFamilies = (source: string, families: readonly Family[]): string =>
  `${families.map((write) => write(source)).join('')}# EOF\n`;

function toRunnerFamilies({ ready, isHandingOff, gate, handOffSeconds }: RunnerMetrics) {
  const outcomes = Object.entries(handOffSeconds).map(([outcome, took]) => [{ outcome }, took] as const);
  return [
    gauge('ready', 'Whether the runner said that it serves.', toSample(ready)),
    gauge('handing_off', 'Whether a hand-off is under way.', toSample(isHandingOff)),
    gauge(
      'held_back',
      'Which gate holds new code back: 1 for one gate, 0 for the others.',
      toStates('gate', GATES, gate ?? ''),
    ),
    histogram('hand_off_duration_seconds', 'How long hand-offs took, from their decision.', outcomes, 'seconds'),
  ];
}

function toBuilds({ name, started, installed, runner }: Metrics): Sample[] {
  const { generation, strategy } = runner ?? { generation: null, strategy: null };
  const of = (code: string, { version, fingerprint }: Release, more: Labels = {}): Sample => [
    '',
    { code, name, version, fingerprint, ...more },
    1,
  ];
  return [
    ...(started === null ? [] : [of('started', started, { generation, strategy })]),
    ...(installed === null ? [] : [of('installed', installed)]),
  ];
}

/** One sample for each state, so that a series does not end when it no longer holds. One that is not known here has its own. */
function toStates(label: string, known: readonly string[], state: string | null): Sample[] {
  if (state === null) return [];
  const all = state === '' || known.includes(state) ? known : [...known, state];
  return all.map((each) => ['', { [label]: each }, Number(each === state)]);
}

const toSample = (value: number | boolean | null): Sample[] => (value === null ? [] : [['', {}, Number(value)]]);
const toSeconds = (ms: number | null) => (ms === null ? null : ms / 1000);

export const gauge = (name: string, help: string, samples: readonly Sample[], unit?: string): Family =>
  family(name, 'gauge', help, samples, unit);

const histogram = (name: string, help: string, found: readonly (readonly [Labels, Histogram])[], unit?: string) =>
  family(
    name,
    'histogram',
    help,
    found.flatMap(([labels, each]) => toBuckets(labels, each)),
    unit,
  );

/** Each bucket counts all values up to its bound. */
function toBuckets(labels: Labels, { bounds, counts, sum }: Histogram): Sample[] {
  let count = 0;
  const buckets = [...bounds.map(toFloat), '+Inf'].map((le, i): Sample => {
    count += counts[i] ?? 0;
    return ['_bucket', { ...labels, le }, count];
  });
  return [...buckets, ['_sum', labels, sum], ['_count', labels, count]];
}

/** As OpenMetrics writes a bound: `1.0`, not `1`. */
const toFloat = (value: number) => (Number.isInteger(value) ? `${value}.0` : String(value));

const family =
  (name: string, type: string, help: string, samples: readonly Sample[], unit?: string): Family =>
  (source) => {
    if (samples.length === 0) return '';
    const full = `distprint_${name}`;
    const head = [`# HELP ${full} ${help}`, `# TYPE ${full} ${type}`, ...(unit ? [`# UNIT ${full} ${unit}`] : [])];
    const lines = samples.map(
      ([suffix, labels, value]) => `${full}${suffix}${toLabels({ source, ...labels })} ${value}`,
    );
    return `${[...head, ...lines].join('\n')}\n`;
  };

function toLabels(labels: Labels): string {
  const known = Object.entries(labels).filter(([, value]) => value !== null);
  return `{${known.map(([name, value]) => `${name}="${escapeLabel(String(value))}"`).join(',')}}`;
}

const escapeLabel = (text: string) => text.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n');

/** Undefined where nothing can be concluded. */
export function toInstalled(check: Check | null, started: Release): Release | null {
  if (check?.verdict === 'current') return started;
  if (check?.verdict !== 'changed') return null;
  return { version: check.versions?.installed ?? null, fingerprint: check.fingerprint };
}
