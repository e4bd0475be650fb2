import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { repository, run } from '../helpers/run.ts';
import { makeTemp, writeTree } from '../helpers/temp.ts';
import { itWithPrometheus } from './tools.ts';

const folder = join(repository, 'docs/fleet');
const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const testRules = (cwd: string) => run(['promtool', 'test', 'rules', 'alerts.test.yml'], { cwd });

itWithPrometheus('each alert comes when it should, and not before', async () => {
  expect(await testRules(folder)).toMatchObject({ code: 0, stdout: expect.stringContaining('SUCCESS') });
  const alerts = [...read('alerts.yml').matchAll(/alert: (\w+)/g)].map(([, name = '']) => name);
  expect(alerts).toEqual(['DistprintDrift', 'DistprintBreakerOpen', 'DistprintNoHeartbeat']);
  for (const name of alerts) expect(read('alerts.test.yml')).toContain(`alertname: ${name}`);
});

itWithPrometheus.each([
  ['drift', 'verdict="changed"', 'verdict="settling"'],
  ['for 10 minutes', 'for: 10m', 'for: 1m'],
  ['the breaker', 'gate="breaker"', 'gate="idle"'],
  ['no heartbeat', '+ 120', '+ 20'],
])('their tests fail where the rule is another: %s', async (_, is, other) => {
  const changed = read('alerts.yml').replace(is, other);
  expect(changed).not.toBe(read('alerts.yml'));
  const cwd = makeTemp();
  writeTree(cwd, { 'alerts.yml': changed, 'alerts.test.yml': read('alerts.test.yml') });
  expect((await testRules(cwd)).code).not.toBe(0);
});
