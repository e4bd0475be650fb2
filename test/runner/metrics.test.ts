import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { toArrivalMs } from '../../src/runner/situation.ts';
import { makeState, startRunner } from '../helpers/runner.ts';
import { makeTemp, removeAtOnce, writeTree } from '../helpers/temp.ts';
import { until } from '../helpers/wait.ts';

/** What a file tells of these metrics, in whatever label. */
function read(file: string, name: string): string[] {
  const text = statSync(file, { throwIfNoEntry: false }) === undefined ? '' : readFileSync(file, 'utf8');
  return text.split('\n').filter((line) => line.startsWith(`distprint_${name}{`));
}
const tells = (file: string, name: string, pattern: RegExp) =>
  until(`${name} ${pattern}`, () => read(file, name).find((line) => pattern.test(line)));
const newFile = () => join(makeTemp(), 'web.prom');

it('a runner tells what it runs, and which gate holds new code back', async () => {
  const metricsFile = newFile();
  const runner = await startRunner({ metricsFile });
  const { fingerprint } = runner.state().distprint;
  const code = `name="daemon",version="1.0.0",fingerprint="${fingerprint}"`;
  expect(read(metricsFile, 'build_info')[0]).toBe(
    `distprint_build_info{source="web",code="started",${code},generation="1",strategy="none"} 1`,
  );
  await tells(metricsFile, 'build_info', /code="installed"/);
  expect(read(metricsFile, 'build_info')[1]).toBe(`distprint_build_info{source="web",code="installed",${code}} 1`);
  expect(read(metricsFile, 'held_back').filter((line) => line.endsWith(' 1'))).toEqual([]);
  runner.upgrade('2.0.0');
  await tells(metricsFile, 'held_back', /gate="strategy"} 1$/);
  expect(read(metricsFile, 'verdict')).toContain('distprint_verdict{source="web",verdict="changed"} 1');
  expect(read(metricsFile, 'build_info')[1]).toMatch(/code="installed",name="daemon",version="2.0.0"/);
});

it('hand-offs are counted by outcome, from process to process', async () => {
  const metricsFile = newFile();
  const runner = await startRunner({ metricsFile, strategy: 'respawn', readyTimeoutMs: 1_500 });
  const counted = (outcome: string, count: number) =>
    tells(metricsFile, 'hand_off_duration_seconds_count', new RegExp(`outcome="${outcome}"} ${count}$`));
  for (const [i, version] of ['2.0.0', '3.0.0'].entries()) {
    runner.upgrade(version);
    await counted('succeeded', i + 1);
    await until('its proof', () => (runner.state().distprint.handingOff === null ? true : undefined));
    expect(read(metricsFile, 'build_info')[0]).toContain(`version="${version}"`);
  }
  await counted('failed', 0);
  runner.upgrade('4.0.0-hangs');
  await counted('failed', 1);
  await counted('succeeded', 2);
  expect(read(metricsFile, 'build_info')[0]).toContain('version="3.0.0"');
  // The state is written on its own.
  const { succeeded, failed } = await until('the state to tell it', () => {
    const seconds = runner.state().distprint.handOffSeconds;
    return seconds !== undefined && seconds.failed.sum > 0 ? seconds : undefined;
  });
  expect(succeeded.sum).toBeGreaterThan(0);
  expect(failed.sum).toBeGreaterThan(1.4);
});

it('a runner lives on where the file cannot be written, says so once, and writes again when it can', async () => {
  const metricsFile = newFile();
  removeAtOnce(dirname(metricsFile));
  const runner = await startRunner({ metricsFile });
  await runner.beats(5);
  const told = runner.logs().filter((line) => line.includes('metrics'));
  expect(told).toEqual([`the metrics can't be written to ${metricsFile}: ENOENT`]);
  mkdirSync(dirname(metricsFile));
  await tells(metricsFile, 'ready', / 1$/);
});

it('goes on from a state in which no hand-off was timed', async () => {
  const folder = join(makeTemp(), 'state');
  writeTree(folder, { 'runner.state.json': makeState() });
  const runner = await startRunner({ stateFile: join(folder, 'runner.state.json') });
  expect(makeState().distprint).not.toHaveProperty('handOffSeconds');
  expect(runner.state().distprint.handOffSeconds).toMatchObject({ succeeded: { sum: 0 }, failed: { sum: 0 } });
  expect(runner.logs()).toEqual([]);
});

describe('a hand-off has arrived', () => {
  const started = { version: null, fingerprint: 'new', token: 1, argv: [], handoffDisabled: false };
  const leftAt = (step: string, target = 'new') => makeState({ handingOff: { step, target, sinceMs: 42 } }).distprint;

  it.each<[string, boolean, ReturnType<typeof leftAt>, number | null]>([
    ['by exec', true, leftAt('exec'), 42],
    ['by a replacement', true, leftAt('grant'), 42],
    ['by exit, where a supervisor starts the new code', false, leftAt('exit'), 42],
    ['not where the process before it died on the way', false, leftAt('rehearse'), null],
    ['not where other code was started after exit', false, leftAt('exit', 'other'), null],
    ['not where none was under way', true, makeState().distprint, null],
  ])('%s', (_, isHandedOver, before, sinceMs) => {
    expect(toArrivalMs(before, isHandedOver, started)).toBe(sinceMs);
  });
});
