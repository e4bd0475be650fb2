import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { blocksOf, readPage } from '../docs/pages.ts';
import { distprint } from '../helpers/cli.ts';
import { run } from '../helpers/run.ts';
import { type RunnerProgram, type RunnerSetup, startRunner } from '../helpers/runner.ts';
import { makeTemp } from '../helpers/temp.ts';
import { until } from '../helpers/wait.ts';
import { itWithPrometheus, type Series, serveOpenMetrics, startNodeExporter, startPrometheus } from './tools.ts';

/** The documented query under this sentence. */
function documented(sentence: string): string {
  const [, after = ''] = readPage('docs/fleet.md').split(`\n${sentence}`);
  const query = /^```promql\n(.*?)^```$/ms.exec(after)?.[1];
  if (query === undefined) throw new Error(`docs/fleet.md has no query under ${JSON.stringify(sentence)}`);
  return query;
}

const sourcesOf = (found: readonly Series[]) => found.map(({ metric }) => metric.source).sort();

/** As docs/fleet.md sets it up: the file is the daemon's own, and the collector's folder has a link to it. */
async function startAsDocumented(source: string, collected: string, setup: RunnerSetup): Promise<RunnerProgram> {
  const own = join(makeTemp(), `${source}.prom`);
  symlinkSync(own, join(collected, `${source}.prom`));
  return startRunner({ strategy: 'respawn', intervalMs: 200, ...setup, metricsFile: own });
}

itWithPrometheus(
  'the documented queries find the runner that is held back, and the one on an old release',
  async () => {
    const collected = join(makeTemp(), 'textfile');
    mkdirSync(collected);
    const setups: Record<string, RunnerSetup> = { one: {}, two: {}, three: {}, held: { host: 'busy' }, old: {} };
    const started = Object.entries(setups).map(([source, setup]) => startAsDocumented(source, collected, setup));
    const runners = await Promise.all(started);
    const [first] = runners as [RunnerProgram];
    const asked = await distprint(['status', '--openmetrics', '--state', first.stateFile]);
    const nodes = await startNodeExporter(collected);
    const status = await serveOpenMetrics(() => asked.stdout);
    const { query, names } = await startPrometheus({ nodes, status });

    /** Asks until the answer names these. */
    const findsAtLast = (sentence: string, expected: readonly string[]) => {
      let found: unknown;
      return until(
        sentence,
        async () => {
          found = sourcesOf(await query(documented(sentence).replaceAll('{code=', '{job="nodes",code=')));
          return JSON.stringify(found) === JSON.stringify(expected) || undefined;
        },
        200,
        40_000,
      ).catch((error: Error) => {
        throw new Error(`${error.message}: ${JSON.stringify(found)}, not ${JSON.stringify(expected)}`);
      });
    };
    for (const { upgrade } of runners.slice(0, 4)) upgrade('2.0.0');
    await findsAtLast('Who is held back, and by which gate:', ['held']);
    await findsAtLast('Who runs another release than most of the fleet.', ['held', 'old']);
    await findsAtLast('Who does not run what is installed on its machine:', ['held']);

    const builds = await query('count by (version, code) (distprint_build_info{job="nodes"})');
    const counts = builds.map(({ metric: { version, code }, value }) => `${code} ${version} ${value[1]}`);
    expect(counts.sort()).toEqual(['installed 1.0.0 1', 'installed 2.0.0 4', 'started 1.0.0 2', 'started 2.0.0 3']);
    const [held] = await query(documented('Who is held back, and by which gate:'));
    expect(held?.metric).toMatchObject({ source: 'held', gate: 'idle' });
    const handOffs = await query('distprint_hand_off_duration_seconds_count{outcome="succeeded"} == 1');
    expect(sourcesOf(handOffs)).toEqual(['one', 'three', 'two']);

    // Neither node_exporter nor Prometheus, which reads what `status` says as OpenMetrics, finds fault with a text.
    expect((await query('node_textfile_scrape_error')).map(({ value }) => value[1])).toEqual(['0']);
    await until('both to be read', async () => (await query('max_over_time(up[5m]) == 1')).length === 2 || undefined);

    const known = await names();
    const dashboard = readFileSync('docs/fleet/dashboard.json', 'utf8');
    const panels = (JSON.parse(dashboard) as { panels: { targets: { expr: string }[] }[] }).panels;
    const shown = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr.replaceAll('$name', '.*')));
    const written = blocksOf('docs/fleet.md', 'promql').map(({ code }) => code);
    expect([shown.length, written.length]).toEqual([11, 7]);
    for (const each of [...shown, ...written]) await query(each);
    const pages = ['docs/fleet.md', 'docs/fleet/alerts.yml', 'docs/fleet/dashboard.json'].map(readPage).join('\n');
    const named = new Set([...pages.matchAll(/\bdistprint_\w+/g)].map(([name]) => name));
    const isKnown = (name: string) =>
      known.some((each) => each.replace(/_(?:bucket|count|sum)$/, '') === name || each === name);
    expect([...named].filter((name) => !isKnown(name))).toEqual([]);
    expect(known.filter((name) => name.startsWith('distprint_')).length).toBeGreaterThan(10);
  },
);

itWithPrometheus('promtool finds no fault with what a runner and `distprint status` write', async () => {
  const metricsFile = join(makeTemp(), 'web.prom');
  const runner = await startRunner({ metricsFile });
  const { stdout } = await distprint(['status', '--openmetrics', '--state', runner.stateFile]);
  const check = (input: string) => run(['promtool', 'check', 'metrics'], { input });
  for (const text of [readFileSync(metricsFile, 'utf8'), stdout]) {
    expect(text).toMatch(/^distprint_held_back\{/m);
    expect(text).toMatch(/\n# EOF\n$/);
    expect(await check(text)).toEqual({ code: 0, stdout: '', stderr: '' });
  }
  expect((await check('distprint_no_help 1\n')).code).not.toBe(0);
});
