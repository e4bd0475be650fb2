import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { findFreePort } from '../helpers/free-port.ts';
import { hasProgram, needs } from '../helpers/needs.ts';
import { makeTemp, writeTree } from '../helpers/temp.ts';
import { until } from '../helpers/wait.ts';

const TOOLS = ['prometheus', 'promtool', 'prometheus-node-exporter'];

/** Debian's packages prometheus and prometheus-node-exporter. */
export const itWithPrometheus = needs('prometheus and prometheus-node-exporter', TOOLS.every(hasProgram));

/** Starts a server, and waits until it answers. It is killed when the test is over. */
async function serve(file: string, args: readonly string[], url: string): Promise<void> {
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  onTestFinished(() => end(child));
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await until(
    `${file} to answer`,
    async () => {
      if (child.exitCode !== null) throw new Error(`${file} ended: ${said}`);
      const answer = await fetch(url).catch(() => undefined);
      await answer?.arrayBuffer();
      return answer?.ok || undefined;
    },
    50,
    60_000,
  );
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Gives out what `read` returns as OpenMetrics, so that Prometheus reads it as strictly. Returns its address. */
export async function serveOpenMetrics(read: () => string): Promise<string> {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'application/openmetrics-text; version=1.0.0; charset=utf-8');
    response.end(read());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** node_exporter with its textfile collector alone. Returns its address. */
export async function startNodeExporter(folder: string): Promise<string> {
  const address = `127.0.0.1:${await findFreePort()}`;
  const collector = [
    '--collector.disable-defaults',
    '--collector.textfile',
    `--collector.textfile.directory=${folder}`,
  ];
  await serve(
    'prometheus-node-exporter',
    [...collector, `--web.listen-address=${address}`],
    `http://${address}/metrics`,
  );
  return address;
}

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [atSeconds: number, value: string];
}

export interface Prometheus {
  /** @throws where Prometheus refuses the query, with its words */
  query(promql: string): Promise<Series[]>;
  /** Of all metrics that it has seen. */
  names(): Promise<string[]>;
}

/** Scrapes each job once a second. @param targets the address of each job */
export async function startPrometheus(targets: Readonly<Record<string, string>>): Promise<Prometheus> {
  const folder = makeTemp();
  const jobs = Object.entries(targets).map(([job, address]) => ({
    job_name: job,
    static_configs: [{ targets: [address] }],
  }));
  // JSON is YAML.
  writeTree(folder, { 'prometheus.yml': { global: { scrape_interval: '1s' }, scrape_configs: jobs } });
  const address = `127.0.0.1:${await findFreePort()}`;
  const where = [`--config.file=${join(folder, 'prometheus.yml')}`, `--storage.tsdb.path=${join(folder, 'data')}`];
  await serve('prometheus', [...where, `--web.listen-address=${address}`], `http://${address}/-/ready`);

  async function ask<T>(path: string): Promise<T> {
    const answer = (await (await fetch(`http://${address}/api/v1/${path}`)).json()) as { data: T; error?: string };
    if (answer.error !== undefined) throw new Error(`${answer.error}, in ${decodeURIComponent(path)}`);
    return answer.data;
  }
  return {
    query: async (promql) => (await ask<{ result: Series[] }>(`query?query=${encodeURIComponent(promql)}`)).result,
    names: () => ask('label/__name__/values'),
  };
}
