import { describe, expect, it } from 'vitest';
import { createHistogram, observe } from '../../src/change/histogram.ts';
import { type Metrics, toInstalled, toMetricsText } from '../../src/change/metrics.ts';
import { EMPTY_TALLY, tallyBeat } from '../../src/change/tally.ts';

const NOTHING: Metrics = {
  source: 'web',
  name: null,
  started: null,
  installed: null,
  verdict: null,
  lastBeatMs: null,
  intervalMs: null,
  tally: null,
  isRunning: null,
  runner: null,
};
const COST = { filesRead: 0, directoriesRead: 0 };

/** The samples, without what describes them. */
const samplesOf = (metrics: Partial<Metrics>) =>
  toMetricsText({ ...NOTHING, ...metrics })
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

describe('the text of metrics', () => {
  it('is empty but for its end where nothing is known', () => {
    expect(toMetricsText(NOTHING)).toBe('# EOF\n');
  });

  it('describes each metric before its samples, with its unit', () => {
    expect(toMetricsText({ ...NOTHING, lastBeatMs: 1_700_000_000_250 })).toBe(
      [
        '# HELP distprint_last_beat_timestamp_seconds When it looked last.',
        '# TYPE distprint_last_beat_timestamp_seconds gauge',
        '# UNIT distprint_last_beat_timestamp_seconds seconds',
        'distprint_last_beat_timestamp_seconds{source="web"} 1700000000.25',
        '# EOF\n',
      ].join('\n'),
    );
  });

  it('says what started and what is installed, and leaves out a label that is not known', () => {
    const runner = {
      generation: 3,
      strategy: 'exec',
      ready: true,
      isHandingOff: false,
      gate: null,
      handOffSeconds: {},
    };
    const started = { version: '1.0.0', fingerprint: 'a' };
    const lines = samplesOf({ name: 'hello', started, installed: { version: null, fingerprint: 'b' }, runner });
    expect(lines.filter((line) => line.includes('build_info'))).toEqual([
      'distprint_build_info{source="web",code="started",name="hello",version="1.0.0",fingerprint="a",generation="3",strategy="exec"} 1',
      'distprint_build_info{source="web",code="installed",name="hello",fingerprint="b"} 1',
    ]);
  });

  it('has one sample for each state, and one more for a state that it does not know', () => {
    expect(samplesOf({ verdict: 'changed' })).toEqual([
      'distprint_verdict{source="web",verdict="current"} 0',
      'distprint_verdict{source="web",verdict="settling"} 0',
      'distprint_verdict{source="web",verdict="changed"} 1',
      'distprint_verdict{source="web",verdict="missing"} 0',
    ]);
    expect(samplesOf({ verdict: 'of a later release' }).at(-1)).toBe(
      'distprint_verdict{source="web",verdict="of a later release"} 1',
    );
  });

  it('escapes what a label may not hold', () => {
    expect(samplesOf({ source: 'a"b\\c\nd', isRunning: true })).toEqual([
      'distprint_running{source="a\\"b\\\\c\\nd"} 1',
    ]);
  });

  it('counts in each bucket all values up to its bound', () => {
    const took = [0.5, 1, 7, 99].reduce(observe, createHistogram([1, 10]));
    const runner = { generation: 1, strategy: 'none', ready: false, isHandingOff: false, gate: 'idle' };
    const lines = samplesOf({ runner: { ...runner, handOffSeconds: { failed: took } } });
    expect(lines.filter((line) => line.includes('hand_off_duration'))).toEqual([
      'distprint_hand_off_duration_seconds_bucket{source="web",outcome="failed",le="1.0"} 2',
      'distprint_hand_off_duration_seconds_bucket{source="web",outcome="failed",le="10.0"} 3',
      'distprint_hand_off_duration_seconds_bucket{source="web",outcome="failed",le="+Inf"} 4',
      'distprint_hand_off_duration_seconds_sum{source="web",outcome="failed"} 107.5',
      'distprint_hand_off_duration_seconds_count{source="web",outcome="failed"} 4',
    ]);
  });
});

describe('what is installed', () => {
  const started = { version: '1.0.0', fingerprint: 'a' };
  it.each([
    ['what started', { verdict: 'current', fingerprint: 'a' }, started],
    [
      'something else',
      { verdict: 'changed', fingerprint: 'b', versions: { started: '1.0.0', installed: '2.0.0' } },
      { version: '2.0.0', fingerprint: 'b' },
    ],
    ['not known while it settles', { verdict: 'settling', fingerprint: 'b' }, null],
    ['nothing', { verdict: 'missing', fingerprint: null }, null],
  ] as const)('is %s', (_, check, installed) => {
    expect(toInstalled({ ...check, ...COST }, started)).toEqual(installed);
  });

  it('is not known before the first beat', () => {
    expect(toInstalled(null, started)).toBeNull();
  });
});

describe('the tally of beats', () => {
  const changes = { version: null, added: ['a'], removed: ['b'], changed: ['c', 'd'] };
  const changed = (fingerprint: string) => ({ verdict: 'changed', fingerprint, changes, ...COST }) as const;

  it('counts the files of each new content once', () => {
    const settling = { verdict: 'settling', fingerprint: null, ...COST } as const;
    const seen = [changed('x'), changed('x'), changed('y'), settling, changed('y')];
    const { changedFiles, seconds } = seen.reduce((tally, check) => tallyBeat(tally, check, 20), EMPTY_TALLY);
    expect(changedFiles.sum).toBe(8);
    expect(seconds.sum).toBeCloseTo(0.1);
  });
});
