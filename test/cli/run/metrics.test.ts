import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { isWindows } from '../../helpers/needs.ts';
import { makePackage, makeTemp, removeAtOnce } from '../../helpers/temp.ts';
import { until } from '../../helpers/wait.ts';
import { serverOf, startWrapper } from '../../helpers/wrapper.ts';

vi.setConfig({ testTimeout: 60_000 }); // each starts several processes, on a busy machine too

const read = (file: string) =>
  statSync(file, { throwIfNoEntry: false }) === undefined ? '' : readFileSync(file, 'utf8');
const tells = (file: string, pattern: RegExp) =>
  until(`${pattern}`, () => (pattern.test(read(file)) ? read(file) : undefined));
const start = (metricsFile: string) => {
  const root = makePackage({ 'dist/server.js': serverOf('one') });
  const options = ['--metrics-file', metricsFile, '--interval', '200ms', '--verbose'];
  return { root, wrapper: startWrapper(options, ['node', 'dist/server.js'], { cwd: root }) };
};

it('a wrapper tells Prometheus what its command runs, and that it was stopped on purpose', async () => {
  const file = join(makeTemp(), 'web.prom');
  const { root, wrapper } = start(file);
  await wrapper.loaded();
  const first = await tells(file, /verdict="current"} 1/);
  const [started, installed] = [...first.matchAll(/fingerprint="([^"]+)"/g)].map(([, each]) => each);
  expect(installed).toBe(started);
  expect(first).toMatch(/code="started",name="example",version="1.2.3",.*strategy="stop-first"} 1/);
  expect(first).toContain('distprint_ready{source="web"} 1\n');
  expect(first).toContain('distprint_beat_interval_seconds{source="web"} 0.2\n');
  writeFileSync(join(root, 'dist/server.js'), serverOf('two'));
  await wrapper.loaded(2);
  const isOther = (text: string) => /code="started".*fingerprint="([^"]+)"/.exec(text)?.[1] !== started;
  await until('the other code', () => isOther(read(file)) || undefined);
  if (isWindows) return; // a signal ends it unheard
  await wrapper.end('SIGTERM');
  expect(read(file)).toContain('distprint_last_beat_timestamp_seconds{source="web"} ');
  expect(read(file)).not.toContain('beat_interval');
});

it('a command that ended by itself leaves an interval: its heartbeat is missed', async () => {
  const file = join(makeTemp(), 'web.prom');
  const root = makePackage({ 'dist/server.js': 'setTimeout(() => process.exit(3), 500)' });
  const wrapper = startWrapper(
    ['--metrics-file', file, '--on-exit', 'exit', '--interval', '10s'],
    ['node', 'dist/server.js'],
    {
      cwd: root,
    },
  );
  expect(await once(wrapper.child, 'close')).toEqual([3, null]);
  expect(read(file)).toContain('distprint_beat_interval_seconds{source="web"} 10\n');
  expect(read(file)).toContain('distprint_ready{source="web"} 0\n');
});

it('a file that cannot be written is told of once, and ends nothing', async () => {
  const file = join(makeTemp(), 'web.prom');
  removeAtOnce(dirname(file));
  const { root, wrapper } = start(file);
  await wrapper.loaded();
  await until('the note', () => wrapper.stderr().includes("metrics can't be written") || undefined);
  writeFileSync(join(root, 'dist/server.js'), serverOf('two'));
  await wrapper.loaded(2);
  expect(wrapper.stderr().match(/metrics can't be written/g)).toHaveLength(1);
});
