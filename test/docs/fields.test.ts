import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/runner/handoff/gate.ts';
import { STEPS } from '../../src/runner/index.ts';
import { toHooks, toSettings } from '../../src/runner/options.ts';
import { BENCH_MS, benchJson } from '../helpers/bench.ts';
import { distprint, distprintCommand } from '../helpers/cli.ts';
import { plainEnv, repository } from '../helpers/run.ts';
import { startRunner } from '../helpers/runner.ts';
import { makePackage, makeTemp } from '../helpers/temp.ts';
import { BLOCKS, codeIn, readPage, readTable } from './pages.ts';

/** The fields that a page gives to a command. A cell that is empty is that of the row above. */
function documented(command: string): string[] {
  let commands: string[] = [];
  return readTable('docs/cli.md', 'JSON')
    .filter(([first = '']) => {
      if (first !== '') commands = codeIn(first);
      return commands.includes(command);
    })
    .flatMap(([, fields = '']) => codeIn(fields));
}

const unique = (names: readonly string[]) => [...new Set(names)].sort();

async function printedBy(...commands: string[][]): Promise<string[]> {
  const names: string[] = [];
  for (const command of commands) {
    const { stdout } = await distprint([...command, '--json']);
    for (const line of stdout.trim().split('\n')) names.push(...Object.keys(JSON.parse(line)));
  }
  return unique(names);
}

describe('docs/cli.md names the JSON fields', { timeout: 60_000 }, () => {
  it('of fingerprint', async () => {
    expect(unique(documented('fingerprint'))).toEqual(await printedBy([makePackage({ 'dist/a.js': '1' })]));
  });

  it('of diff and verify', async () => {
    const a = makePackage({ 'dist/a.js': '1' });
    const b = makePackage({ 'dist/b.js': '1' });
    const manifest = join(makeTemp(), 'a.manifest');
    await distprint(['manifest', a, '-o', manifest]);
    expect(unique(documented('diff'))).toEqual(await printedBy(['diff', a, b]));
    expect(unique(documented('verify'))).toEqual(await printedBy(['verify', b, '--manifest', manifest]));
  });

  it('of watch', async () => {
    const root = makePackage({ 'dist/a.js': '1' });
    const [file = '', ...words] = [...distprintCommand, 'watch', root, '--interval', '200ms', '--json'];
    const child = spawn(file, words, { stdio: ['ignore', 'pipe', 'ignore'], env: plainEnv });
    onTestFinished(() => void child.kill('SIGKILL'));
    const names: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      const beat = JSON.parse(line) as { beat: number; verdict: string };
      names.push(...Object.keys(beat));
      if (beat.beat === 0) writeFileSync(join(root, 'dist/a.js'), '2');
      if (beat.verdict === 'changed') child.kill('SIGTERM');
    }
    expect(unique(documented('watch'))).toEqual(unique(names));
  });

  it('of bench', { timeout: BENCH_MS }, async () => {
    const { report } = await benchJson(makePackage({ 'dist/a.js': '1' }));
    expect(unique(documented('bench'))).toEqual(unique(Object.keys(report)));
  });

  it('of status and doctor, with a runner and without', async () => {
    const runner = await startRunner();
    const none = join(makeTemp(), 'runner.state.json');
    const states = [runner.stateFile, none].map((file) => ['--state', file]);
    expect(unique(documented('status'))).toEqual(await printedBy(...states.map((state) => ['status', ...state])));
    expect(unique(documented('doctor'))).toEqual(await printedBy(...states.map((state) => ['doctor', ...state])));
  });
});

describe('docs/cli.md gives the usage', () => {
  const [usage] = BLOCKS.filter(({ page, code }) => page === 'docs/cli.md' && code.startsWith('distprint ['));
  const lines = (usage?.code ?? '').trim().split('\n');

  it.each(lines)('%s', async (line) => {
    const [, command = ''] = /^distprint \[?(\w+)/.exec(line) ?? [];
    const { stdout } = await distprint([command, '--help']);
    const toOptions = (text: string) => unique([...text.matchAll(/--[a-z][a-z-]*/g)].map(([option]) => option));
    const table = command === 'run' ? readTable('docs/run.md', 'Options').map(([option = '']) => option) : [];
    const written = [...toOptions([line, ...table].join(' ')), ...(line.includes('-o <file>') ? ['--output'] : [])];
    expect(unique([...written, '--help'])).toEqual(toOptions(stdout.replace(/^Examples:[\s\S]*/m, '')));
  });

  it('of every command', async () => {
    const { stdout } = await distprint(['--help']);
    const commands = [
      ...stdout.slice(stdout.indexOf('Commands:'), stdout.indexOf('Examples:')).matchAll(/^ {2}(\w+) /gm),
    ].map(([, name]) => name);
    const named = lines.map((line) => /^distprint \[?(\w+)/.exec(line)?.[1]);
    expect([...named, 'help']).toEqual(expect.arrayContaining(commands.filter((name) => name !== 'distprint')));
  });
});

describe('docs/run.md', () => {
  it('names each event', () => {
    const source = readFileSync(join(repository, 'src/cli/run/say.ts'), 'utf8');
    const events = [...source.matchAll(/readonly event: '([a-z-]+)'/g)].map(([, event]) => event);
    const rows = readTable('docs/run.md', 'Events').map(([event = '']) => event.replaceAll('`', ''));
    expect(rows).toEqual(events);
  });
});

describe('docs/runner.md', () => {
  it('names the fields of the state', async () => {
    const state = (await startRunner({ fields: { httpPort: 4000 } })).state();
    const rows = readTable('docs/runner.md', 'State').flatMap(([field = '']) => codeIn(field));
    expect(unique(rows)).toEqual(unique(Object.keys(state)));
    const page = readPage('docs/runner.md');
    const [own = ''] = page.slice(page.indexOf('Under `distprint`:')).match(/(?:^\|.*\|\n)+/m) ?? [];
    const fields = own.trim().split('\n').slice(2);
    expect(unique(fields.flatMap((line) => codeIn(line.split('|')[1] ?? '')))).toEqual(
      unique(Object.keys(state.distprint)),
    );
  });

  it('names each step', () => {
    const [section = ''] = /^## Steps$.*?^## /ms.exec(readPage('docs/runner.md')) ?? [];
    const rows = [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, step = '']) => step);
    expect(unique(rows)).toEqual(unique(STEPS));
  });

  it('gives the real defaults of the options, and forgets none', () => {
    const {
      isOptedOut: _,
      limits,
      ...settings
    } = { ...toSettings({}, { DISTPRINT_STATE_FILE: '/x' }), ...toHooks({}) };
    const rows = new Map(
      readTable('docs/runner.md', 'Options').map(([option = '', , fallback = '']) => [codeIn(option)[0], fallback]),
    );
    const names = [...rows.keys()].filter((name) => name !== 'path' && name !== 'optOutVariable');
    expect(unique(names as string[])).toEqual(
      unique([...Object.keys(settings), ...Object.keys(limits).map((name) => `limits.${name}`)]),
    );
    for (const name of [
      'strategy',
      'intervalMs',
      'hookTimeoutMs',
      'readyTimeoutMs',
      'proveMs',
      'drainTimeoutMs',
      'exitStatus',
    ] as const) {
      expect(codeIn(rows.get(name) ?? '')[0]?.replaceAll("'", ''), name).toBe(String(settings[name]));
    }
    for (const [name, value] of Object.entries(DEFAULT_LIMITS)) {
      const [text = ''] = codeIn(rows.get(`limits.${name}`) ?? '');
      expect(JSON.parse(text.replace(/(\w+):/g, '"$1":')), name).toEqual(value);
    }
    const [variable = ''] = codeIn(rows.get('optOutVariable') ?? '');
    expect(toSettings({}, { [variable.replaceAll("'", '')]: '1' }).isOptedOut).toBe(true);
  });
});

describe('docs/api.md', () => {
  it('names each error code, and no other', async () => {
    const [, type = ''] = /type DistprintErrorCode =(.*?)^interface/ms.exec(readPage('src/errors.ts')) ?? [];
    const codes = [...type.matchAll(/'(ERR_\w+)'/g)].map(([, code = '']) => code);
    expect(readTable('docs/api.md', 'Errors').flatMap(([code = '']) => codeIn(code))).toEqual(codes);
  });
});

describe('docs/supervisors.md', () => {
  it('lists each file that is to be copied', () => {
    const files = readdirSync(join(repository, 'fixtures/supervisors'), { recursive: true, encoding: 'utf8' });
    const listed = readTable('docs/supervisors.md', 'A runner under a supervisor').flatMap(([file = '']) =>
      [...file.matchAll(/\[([\w./-]+)\]/g)].map(([, path = '']) => path),
    );
    expect(listed.sort()).toEqual(files.filter((path) => /\/\w[\w-]*(?:\.\w+)*$/.test(path)).sort());
  });
});
