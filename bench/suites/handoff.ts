/**
 * What a hand-off takes: from `changed` to new code that serves, and the gap in which the control port does not answer.
 *
 * The daemon of `fixtures/runner` is upgraded to and fro, by `npm install` or (compiled) by a rename. Meanwhile a client in a process of
 * its own asks again a millisecond after each answer or failure. The **gap** is the time from the last answer before a failure to the next
 * answer; 0 if nothing failed. It is compared with a **cold start** of the same daemon (from spawn to its first answer) and with its
 * time from the **claim** (the call of `claimRunner`) to listening. Both are measured between the upgrades.
 *
 * Where the socket is passed on, the gap must be 0 in every upgrade.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { cleanEnv, install, openWorkshop, packRelease, scriptIn } from '../../fixtures/releases.ts';
import type { Bench } from '../context.ts';
import { atMost, shown, type Target } from '../results/claims.ts';
import { type Row, toRow, toSkippedRow } from '../results/table.ts';
import { fetchHandoffRuntimes } from '../subjects/runtimes.ts';

const TABLE = 'hand-off of a daemon';
const WAIT_MS = 30_000;
/** Short waits. They are not measured: what counts begins at `changed`. */
const OPTIONS = { intervalMs: 50, settleMs: 200, proveMs: 200, limits: { breaker: { max: 1000, windowMs: 60_000 } } };

interface Cell {
  readonly runtime: string;
  readonly strategy: 'respawn' | 'exec' | 'exit';
  /** What starts the daemon, before its own arguments. */
  readonly command: readonly string[];
  /** Installs the release where the command finds it. */
  upgrade(version: string): void;
  readonly supervisor?: 'runsv';
  /** Whether the predecessor passes its listening socket on. */
  readonly isShared: boolean;
}

export async function benchHandoff(bench: Bench): Promise<void> {
  const cells = toCells(bench);
  for (const cell of cells) {
    if (cell.supervisor !== undefined && spawnSync('which', [cell.supervisor]).status !== 0) {
      const head = { table: TABLE, corpus: `${cell.runtime}, ${cell.strategy}`, what: 'gap' };
      bench.report(toSkippedRow(head, `${cell.supervisor} is not installed here`));
      continue;
    }
    await benchCell(bench, cell);
  }
}

function toCells(bench: Bench): Cell[] {
  const workshop = openWorkshop(join(bench.scratch, 'workshop'));
  const releases = new Map(VERSIONS.map((version) => [version, packRelease(workshop, version)]));
  const app = join(bench.scratch, 'app');
  const upgrade = (version: string) => install(app, workshop, releases.get(version) ?? fail(`no release ${version}`));
  const { node, newerNode, bun } = fetchHandoffRuntimes();
  const words = (runtime: string) => [runtime, scriptIn(app)];
  const here = `node ${process.versions.node}`;
  const cells: Cell[] = [{ runtime: here, strategy: 'respawn', command: words(node), upgrade, isShared: true }];
  if (!bench.quick) {
    cells.push({
      runtime: here,
      strategy: 'exit',
      command: words(node),
      upgrade,
      isShared: false,
      supervisor: 'runsv',
    });
  }
  if (newerNode !== undefined) {
    cells.push({ runtime: newerNode.name, strategy: 'exec', command: words(newerNode.path), upgrade, isShared: false });
  }
  if (bun === undefined) return cells;
  cells.push({ runtime: bun.name, strategy: 'exec', command: words(bun.path), upgrade, isShared: false });
  if (bench.quick) return cells;
  cells.push({ runtime: bun.name, strategy: 'respawn', command: words(bun.path), upgrade, isShared: false });
  const executable = join(bench.scratch, 'daemon');
  const compiled = (version: string) => {
    upgrade(version);
    const built = `${executable}-${version}`;
    const { status, stderr } = spawnSync(bun.path, ['build', '--compile', scriptIn(app), '--outfile', built], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`bun build --compile failed: ${stderr}`);
    return built;
  };
  const executables = new Map(VERSIONS.map((version) => [version, compiled(version)]));
  const replace = (version: string) => {
    cpSync(executables.get(version) as string, `${executable}.new`);
    renameSync(`${executable}.new`, executable);
  };
  const name = `${bun.name}, compiled`;
  cells.push({ runtime: name, strategy: 'exec', command: [executable], upgrade: replace, isShared: false });
  return cells;
}

const VERSIONS: readonly [string, string] = ['1.0.0', '1.0.1'];

interface Sample {
  readonly gapMs: number;
  readonly servingMs: number;
  readonly coldMs: number;
  readonly claimMs: number;
}

async function benchCell(bench: Bench, cell: Cell): Promise<void> {
  const place = mkdtempSync(join(bench.scratch, 'handoff-'));
  let [installed, next] = VERSIONS;
  cell.upgrade(installed);
  const port = await findFreePort();
  const client = startClient(port);
  const daemon = startDaemon(cell, place, port);
  const samples: Sample[] = [];
  const measure = async (rounds: number) => {
    for (let round = 0; round < rounds; round++) {
      const { gapMs, servingMs } = await measureUpgrade(cell, next, client, place);
      [installed, next] = [next, installed];
      samples.push({ gapMs, servingMs, ...(await measureColdStart(cell, place)) });
    }
  };
  const rounds = bench.quick ? 3 : 7;
  try {
    await client.answer(({ release }) => release === installed);
    await measure(rounds);
    // The second try of claims.ts.
    if (toRows(cell, samples).some(({ verdict }) => verdict === 'MISSED')) await measure(rounds * 2);
  } finally {
    client.process.kill('SIGKILL');
    await stopDaemon(place, port, daemon);
  }
  for (const row of toRows(cell, samples)) bench.report(row);
}

function toRows(cell: Cell, samples: readonly Sample[]): Row[] {
  const of = (name: keyof Sample) => samples.map((sample) => sample[name]);
  const row = (what: string, values: number | readonly number[], unit: 'ms' | 'x', target: Target, note = '') =>
    toRow({ table: TABLE, corpus: `${cell.runtime}, ${cell.strategy}`, what }, values, unit, target, note);
  const ratio = (name: 'coldMs' | 'claimMs') => samples.map((sample) => sample.gapMs / sample[name]);
  const all = samples.map(({ gapMs }) => gapMs.toFixed(1)).join(', ');
  const rows = [
    row('cold start', of('coldMs'), 'ms', shown),
    row('claim to listen', of('claimMs'), 'ms', shown),
    row('changed to new code serving', of('servingMs'), 'ms', shown),
    cell.isShared
      ? row('longest gap', Math.max(...of('gapMs')), 'ms', atMost(0), `of ${samples.length}: ${all}`)
      : row('gap', of('gapMs'), 'ms', shown, `of ${samples.length}: ${all}`),
  ];
  if (cell.strategy === 'exec') rows.push(row('gap / cold start', ratio('coldMs'), 'x', atMost(1.2)));
  if (cell.strategy === 'exit') rows.push(row('gap / cold start', ratio('coldMs'), 'x', shown));
  if (cell.strategy === 'respawn' && !cell.isShared) {
    rows.push(row('gap / claim to listen', ratio('claimMs'), 'x', atMost(1.2)));
  }
  return rows;
}

async function measureUpgrade(cell: Cell, version: string, client: Client, place: string) {
  const steps = join(place, 'steps');
  rmSync(steps, { recursive: true, force: true });
  client.events.length = 0;
  cell.upgrade(version);
  const served = await client.answer(({ release }) => release === version);
  await delay(OPTIONS.proveMs + 500); // until the old process has left
  const began = readdirSync(steps).find((name) => name.endsWith('.rehearse')) ?? fail('no hand-off began');
  const gaps = client.events.flatMap((event, i) =>
    event.ok && client.events[i - 1]?.ok === false ? event.at - (client.events[i - 1] as Answer).at : [],
  );
  return { gapMs: Math.max(0, ...gaps), servingMs: served.at - statSync(join(steps, began)).mtimeMs };
}

async function measureColdStart(cell: Cell, place: string) {
  const port = await findFreePort();
  const client = startClient(port);
  const cold = join(place, 'cold');
  let daemon: ChildProcess | undefined;
  try {
    await delay(200); // until the client asks
    const startedMs = performance.timeOrigin + performance.now();
    daemon = startDaemon({ ...cell, strategy: 'respawn' }, cold, port);
    const { at } = await client.answer(({ ok }) => ok);
    const status = (await (await fetch(`http://127.0.0.1:${port}/status`)).json()) as { claimToListenMs: number };
    return { coldMs: at - startedMs, claimMs: status.claimToListenMs };
  } finally {
    client.process.kill('SIGKILL');
    if (daemon) await stopDaemon(cold, port, daemon);
    rmSync(cold, { recursive: true, force: true });
  }
}

/** Without a supervisor it gets a session of its own, as a daemon has. */
function startDaemon(
  { command, strategy, supervisor }: Cell | (Cell & { strategy: 'respawn' }),
  place: string,
  port: number,
): ChildProcess {
  const options = JSON.stringify({ ...OPTIONS, strategy, stateFile: join(place, 'state/runner.state.json') });
  const words = [...command, '--port', String(port), '--options', options, '--steps', join(place, 'steps')];
  mkdirSync(place, { recursive: true });
  places.add(place);
  if (supervisor === undefined || strategy !== 'exit') {
    return spawn(words[0] as string, words.slice(1), { detached: true, stdio: 'ignore', env: cleanEnv });
  }
  const service = join(place, 'service');
  mkdirSync(service, { recursive: true });
  const quoted = words.map((word) => `'${word}'`).join(' ');
  writeFileSync(join(service, 'run'), `#!/bin/sh\nexec ${quoted}\n`, { mode: 0o755 });
  return spawn(supervisor, [service], { detached: true, stdio: 'ignore', env: cleanEnv });
}

/** Where daemons may still run if this process ends early. */
const places = new Set<string>();
process.once('exit', () => {
  for (const place of places) {
    try {
      const { pid } = JSON.parse(readFileSync(join(place, 'state/runner.state.json'), 'utf8')) as { pid: number };
      process.kill(pid, 'SIGKILL');
    } catch {
      // it has ended or never started
    }
  }
});

/** Stops it by its control port: after an upgrade it is another process than the one that was started. */
async function stopDaemon(place: string, port: number, started: ChildProcess): Promise<void> {
  started.kill('SIGTERM'); // to the supervisor, if it has one
  await fetch(`http://127.0.0.1:${port}/stop`, { method: 'POST' }).catch(() => {});
  await delay(100);
  places.delete(place);
}

interface Answer {
  readonly ok: boolean;
  readonly release?: string;
  /** Milliseconds since the epoch, with fractions. For a failure: the time of the last answer before it. */
  readonly at: number;
}

interface Client {
  readonly process: ChildProcess;
  /** Each time the answer changes. */
  readonly events: Answer[];
  answer(is: (answer: Answer) => boolean): Promise<Answer>;
}

const CLIENT = `
  import { request } from 'node:http';
  process.stdin.on('end', () => process.exit()).resume(); // the bench has ended
  const port = Number(process.argv[1]);
  const now = () => performance.timeOrigin + performance.now();
  const ask = () => new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path: '/status', agent: false, timeout: 5000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (more) => { text += more; });
      response.on('end', () => { try { resolve(JSON.parse(text).release); } catch { resolve(undefined); } });
      response.on('error', () => resolve(undefined));
    });
    asked.on('error', () => resolve(undefined)).on('timeout', () => asked.destroy()).end();
  });
  let last, lastAnswered = now();
  for (;;) {
    const release = await ask();
    const at = now();
    if (release !== last) console.log(JSON.stringify(release === undefined ? { ok: false, at: lastAnswered } : { ok: true, release, at }));
    last = release;
    if (release !== undefined) lastAnswered = at;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }`;

function startClient(port: number): Client {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', CLIENT, String(port)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const events: Answer[] = [];
  const waiting = new Set<() => void>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    events.push(JSON.parse(line) as Answer);
    for (const wake of waiting) wake();
  });
  return {
    process: child,
    events,
    async answer(is) {
      const deadlineMs = performance.now() + WAIT_MS;
      for (;;) {
        const found = events.find(is);
        if (found !== undefined) return found;
        if (performance.now() > deadlineMs)
          throw new Error(`the daemon did not answer as expected within ${WAIT_MS} ms`);
        await Promise.race([delay(500), new Promise<void>((resolve) => void waiting.add(resolve))]);
        waiting.clear();
      }
    },
  };
}

function findFreePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

function fail(message: string): never {
  throw new Error(message);
}
