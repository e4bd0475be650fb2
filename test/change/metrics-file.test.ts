import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createDetector } from '../../src/change/detector.ts';
import { startHeartbeat } from '../../src/change/heartbeat.ts';
import { createMetricsFile } from '../../src/change/metrics-file.ts';
import { isDistprintError } from '../../src/errors.ts';
import { makePackage, makeTemp } from '../helpers/temp.ts';
import { until } from '../helpers/wait.ts';

function start(metricsFile: string) {
  const root = makePackage({ 'dist/a.js': 'alpha' });
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  let beats = 0;
  startHeartbeat({
    detector: createDetector({ path: root, settleMs: 50 }),
    intervalMs: 20,
    metricsFile,
    onBeat: () => void beats++,
    signal: stop.signal,
  });
  const tells = (pattern: RegExp) =>
    until(String(pattern), () => {
      const text = statSync(metricsFile, { throwIfNoEntry: false }) && readFileSync(metricsFile, 'utf8');
      expect(text ?? '# EOF\n').toMatch(/# EOF\n$/); // never half a text
      return text !== undefined && pattern.test(text) ? text : undefined;
    });
  const moreBeats = (count: number) => {
    const end = beats + count;
    return until('more beats', () => beats >= end || undefined);
  };
  return { root, stop, tells, moreBeats };
}

it('tells after a beat what started, and what is installed instead', async () => {
  const folder = makeTemp();
  const { root, tells } = start(join(folder, 'web.prom'));
  const first = await tells(/verdict="current"} 1/);
  expect(first).toMatch(
    /build_info{source="web",code="started",name="example",version="1.2.3",fingerprint="xxh64-\w+"} 1/,
  );
  expect(first).toContain('distprint_beat_interval_seconds{source="web"} 0.02\n');
  writeFileSync(join(root, 'dist/a.js'), 'gamma');
  const second = await tells(/verdict="changed"} 1/);
  const fingerprints = [...second.matchAll(/code="(\w+)".*fingerprint="(\S+)"/g)].map(([, , each]) => each);
  expect(new Set(fingerprints).size).toBe(2);
  expect(second).toContain('distprint_changed_files_sum{source="web"} 1\n');
  expect(Number(/beat_duration_seconds_count{.*} (\d+)/.exec(second)?.[1])).toBeGreaterThan(1);
});

it('tells no interval once it was ended: nobody is to wait for a beat', async () => {
  const { stop, tells } = start(join(makeTemp(), 'web.prom'));
  await tells(/beat_interval/);
  stop.abort();
  const last = await tells(/^(?!.*beat_interval)/s);
  expect(last).toContain('distprint_last_beat_timestamp_seconds{source="web"} ');
});

it('beats on where the file cannot be written, warns once, and writes again when it can', async () => {
  const folder = join(makeTemp(), 'gone');
  const warnings: Error[] = [];
  const note = (warning: Error) => void warnings.push(warning);
  process.on('warning', note);
  onTestFinished(() => void process.off('warning', note));
  const metricsFile = join(folder, 'web.prom');
  const { moreBeats, tells } = start(metricsFile);
  await moreBeats(5);
  expect(warnings.map(({ message }) => message)).toEqual([`the metrics can't be written to ${metricsFile}: ENOENT`]);
  mkdirSync(folder);
  await tells(/verdict="current"} 1/);
  expect(readdirSync(folder).filter((name) => name.endsWith('.prom'))).toEqual(['web.prom']);
});

it('is refused with a detector that does not say what started', () => {
  const detector = { check: () => Promise.reject(new Error('not asked')) };
  try {
    startHeartbeat({ detector, metricsFile: join(makeTemp(), 'web.prom') });
    expect.unreachable();
  } catch (error) {
    expect(isDistprintError(error, 'ERR_DISTPRINT_OPTION')).toBe(true);
    expect((error as Error).message).toContain('metricsFile');
  }
});

it('writes of what waits the last, one at a time', async () => {
  const path = join(makeTemp(), 'web.prom');
  const file = createMetricsFile(path, (trouble) => expect.unreachable(trouble));
  const nothing = {
    name: null,
    started: null,
    installed: null,
    verdict: null,
    tally: null,
    isRunning: null,
    runner: null,
  };
  const writes = [1, 2, 3].map((seconds) =>
    file.write({ ...nothing, source: file.source, lastBeatMs: seconds * 1000, intervalMs: null }),
  );
  await Promise.all(writes);
  expect(readFileSync(path, 'utf8')).toContain('distprint_last_beat_timestamp_seconds{source="web"} 3\n');
  rmSync(path);
  await file.write({ ...nothing, source: file.source, lastBeatMs: 4000, intervalMs: null });
  expect(readFileSync(path, 'utf8')).toContain('distprint_last_beat_timestamp_seconds{source="web"} 4\n');
});
