import { spawn } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { distprint, distprintCommand } from '../helpers/cli.ts';
import { isPosix, onlyWith } from '../helpers/needs.ts';
import { plainEnv } from '../helpers/run.ts';
import { makeRunnerPackage, startRunner } from '../helpers/runner.ts';
import { findFault, SCHEMAS, type Schema } from '../helpers/schemas.ts';
import { ask, EXEC, HELD, makeStates, NONE, OTHER } from '../helpers/states.ts';
import { makeDirectory, makePackage, makeTemp, writeTree } from '../helpers/temp.ts';
import { serverOf, startWrapper } from '../helpers/wrapper.ts';

const SLOW = 120_000;
const COMMANDS = [...SCHEMAS.keys()];
type Json = Record<string, unknown>;

/** What is printed has one form on all platforms. */
const withPosix = onlyWith('POSIX', isPosix);

/** What the commands printed in these tests, by command. */
const printed = new Map<string, Json[]>(COMMANDS.map((command) => [command, []]));

function keep(command: string, values: readonly Json[]): void {
  for (const value of values) expect(findFault(command, value)).toBeNull();
  printed.get(command)?.push(...values);
}

const parseLines = (text: string) =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Json);

const { none, make, makeDamaged } = makeStates();

describe('schemas/', () => {
  it('has one for each command with --json, and no other', () => {
    const { commands } = createProgram();
    const withJson = commands.filter(({ options }) => options.some(({ long }) => long === '--json'));
    expect(COMMANDS.sort()).toEqual(withJson.map((command) => command.name()).sort());
  });

  it('lets no field through that it does not name, but those of other releases and hosts', () => {
    const open = COMMANDS.flatMap((command) =>
      findParts(SCHEMAS.get(command) as Schema, command)
        .filter(([, part]) => part.properties !== undefined && part.type === 'object')
        .filter(([, part]) => part.additionalProperties !== false)
        .map(([where]) => where),
    );
    expect(open).toEqual(['status/$defs/state', 'status/$defs/own']);
  });
});

/** Each schema in a schema, with where it stands. */
function findParts(schema: Schema, where: string): [string, Schema][] {
  const parts = Object.entries(schema).flatMap(([keyword, value]) =>
    typeof value === 'object' && value !== null ? findParts(value as Schema, `${where}/${keyword}`) : [],
  );
  return [[where, schema], ...parts];
}

describe('what is printed with --json is as its schema says:', { timeout: SLOW }, () => {
  withPosix('fingerprint', async () => {
    const root = makePackage({ 'dist/a.js': '1' });
    const plain = makeDirectory({ a: '1' });
    const { stdout } = await distprint(['fingerprint', root, plain, '/gone', process.execPath, '--json']);
    keep('fingerprint', parseLines(stdout));
    expect(parseLines(stdout).map(({ kind }) => kind)).toEqual(['package', 'directory', 'executable']);
  });

  withPosix('diff and verify', async () => {
    const a = makePackage({ 'dist/a.js': '1', 'dist/b.js': '1' });
    const b = makePackage({ 'package.json': { name: 'example' }, 'dist/a.js': '2', 'dist/c.js': '1' });
    const manifest = join(makeTemp(), 'a.manifest');
    await distprint(['manifest', a, '-o', manifest]);
    for (const other of [a, b]) {
      keep('diff', parseLines((await distprint(['diff', a, other, '--json'])).stdout));
      keep('verify', parseLines((await distprint(['verify', other, '--manifest', manifest, '--json'])).stdout));
    }
  });

  withPosix('watch', async () => {
    const root = makePackage({ 'dist/a.js': '1' });
    const [file = '', ...words] = [...distprintCommand, 'watch', root, '--interval', '200ms', '--json'];
    const child = spawn(file, words, { stdio: ['ignore', 'pipe', 'ignore'], env: plainEnv });
    onTestFinished(() => void child.kill('SIGKILL'));
    const verdicts = new Set<unknown>();
    for await (const line of createInterface({ input: child.stdout })) {
      const beat = JSON.parse(line) as Json;
      keep('watch', [beat]);
      if (!verdicts.has(beat.verdict)) {
        verdicts.add(beat.verdict);
        if (beat.verdict === 'current') writeTree(root, { 'package.json': { version: '2.0.0' }, 'dist/a.js': '2' });
        if (beat.verdict === 'changed') rmSync(root, { recursive: true });
        if (beat.verdict === 'missing') child.kill('SIGTERM');
      }
    }
    expect(verdicts).toEqual(new Set(['current', 'settling', 'changed', 'missing']));
  });

  withPosix('bench', async () => {
    const root = makePackage({ 'dist/a.js': '1' });
    const words = ['bench', root, '--baseline', root, '--quick', '--json'];
    keep('bench', parseLines((await distprint(words, { timeout: SLOW })).stdout));
    expect(printed.get('bench')).toHaveLength(1);
  });

  withPosix('status and doctor, of a real runner and of none', async () => {
    const root = makeRunnerPackage(makeTemp());
    const runner = await startRunner({ fields: { httpPort: 4000, mine: true } }, { root });
    const tried = { fingerprint: 'x', version: null, reason: 'it died', failures: 1, atMs: 0, retryAtMs: 0 };
    const handingOff = { step: 'start', target: 'x', sinceMs: 0 };
    const drift = {
      ...{ from: OTHER.fingerprint, to: 'x', sinceMs: 0, rule: null, reason: null },
      ...{ versions: { from: '1.0.0', to: null }, files: 1, differences: [{ path: 'a', from: null, to: 'x' }] },
    };
    const waits = { turn: { target: 'x', sinceMs: 0, waitMs: 1 }, heldBack: { ...HELD, untilMs: 0 } };
    const stay = { ...OTHER, ...waits, decision: NONE, tried, handingOff, drift };
    const files = [runner.stateFile, none, make({ own: { decision: EXEC } }), make({ own: stay }), makeDamaged()];
    for (const stateFile of files) {
      keep('status', parseLines((await ask('status', stateFile, '--json')).stdout));
      keep('doctor', parseLines((await ask('doctor', stateFile, '--json')).stdout));
    }
    expect(printed.get('status')?.length).toBe(files.length);
    expect(printed.get('doctor')?.length).toBe(files.length);
  });

  withPosix('a state, field by field: a new one has to be in the schema', async () => {
    const { distprint: own, ...state } = (await startRunner({ fields: { httpPort: 4000 } })).state();
    const { $defs } = SCHEMAS.get('status') as { $defs: Record<'state' | 'own', Schema> };
    const named = (part: 'state' | 'own') => Object.keys($defs[part].properties ?? {});
    expect(named('state').sort()).toEqual(Object.keys({ ...state, distprint: own }).sort());
    expect(named('own').sort()).toEqual([...Object.keys(own), 'command'].sort()); // which is of distprint run alone
  });

  it.each([
    ['fingerprint', ['fingerprint', '/gone', '--json']],
    ['diff', ['diff', '/gone', 'src', '--json']],
    ['verify', ['verify', 'src', '--manifest', '/gone', '--json']],
    ['watch', ['watch', '/gone', '--json']],
    ['bench', ['bench', '/gone', '--json']],
  ])('%s, in trouble: nothing, and stderr says what it is', async (_, words) => {
    const { code, stdout, stderr } = await distprint(words);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^distprint: error: .*\n$/);
  });
});

describe('the events of run are as their schema says', { timeout: SLOW }, () => {
  withPosix('while it stops first', async () => {
    const root = makePackage({});
    const script = join(root, 'dist/server.js');
    const wrapper = startWrapper(['--grace', '100ms', '--on-exit', 'restart'], ['node', 'dist/server.js'], {
      cwd: root,
    });
    await wrapper.event('waiting');
    writeTree(root, { 'dist/server.js': `process.on('SIGTERM', () => {}); ${serverOf('one')}` });
    await wrapper.line('one');
    writeFileSync(script, serverOf('two'));
    await wrapper.event('killed');
    await wrapper.event('restarted');
    rmSync(script);
    process.kill(wrapper.pid, 'SIGUSR2');
    await wrapper.event('note');
    writeFileSync(script, 'process.exit(1)');
    await wrapper.event('ended');
    keep('run', wrapper.events() as unknown as Json[]);
  });

  withPosix('while it starts the new one first', async () => {
    const root = makePackage({ 'dist/server.js': serverOf('one') });
    const stateFile = join(makeTemp(), 'state/runner.state.json');
    const options = ['--restart', 'start-first', '--max-restarts', '1', '--state', stateFile];
    const wrapper = startWrapper(options, ['node', 'dist/server.js'], { cwd: root });
    await wrapper.line('one');
    writeFileSync(join(root, 'dist/server.js'), 'process.exit(1)');
    await wrapper.event('kept');
    writeFileSync(join(root, 'dist/server.js'), serverOf('two'));
    await wrapper.event('held-back');
    keep('status', parseLines((await ask('status', stateFile, '--json')).stdout));
    keep('doctor', parseLines((await ask('doctor', stateFile, '--json')).stdout));
    await wrapper.end('SIGTERM');
    keep('run', wrapper.events() as unknown as Json[]);
    expect(wrapper.events('ended')).toHaveLength(1);
  });

  withPosix('where the command is not there', async () => {
    const root = makePackage({ 'dist/a.js': '' });
    const wrapper = startWrapper(['--watch', 'dist'], ['./gone'], { cwd: root });
    await wrapper.end();
    keep('run', wrapper.events() as unknown as Json[]);
    expect(existsSync(join(root, 'gone'))).toBe(false);
  });

  withPosix('each of them was there', () => {
    const { $defs } = SCHEMAS.get('run') as { $defs: Record<string, { properties: { event: { const: string } } }> };
    const named = Object.values($defs).map(({ properties }) => properties.event.const);
    expect(new Set(printed.get('run')?.map(({ event }) => event))).toEqual(new Set(named));
  });
});

/** The names that a schema asks for, and those that may be absent somewhere. */
function findNames(schema: Schema): { required: Set<string>; optional: Set<string> } {
  const parts = findParts(schema, '').map(([, part]) => part);
  const required = new Set(parts.flatMap((part) => (Array.isArray(part.required) ? (part.required as string[]) : [])));
  const withFields = parts.filter(({ type, properties }) => type === 'object' && properties !== undefined);
  const optional = withFields.flatMap((part) =>
    Object.keys(part.properties ?? {}).filter((name) => !part.required?.includes(name)),
  );
  return { required, optional: new Set(optional) };
}

/** The objects in a value, itself first. */
function findObjects(value: Json): Json[] {
  const inside = Object.values(value)
    .flat()
    .filter((each): each is Json => Object.prototype.toString.call(each) === '[object Object]');
  return [value, ...inside.flatMap(findObjects)];
}

/** Each copy of a value in which one field is not as it was: gone, of another type, or one more. */
function* spoil(value: Json): Generator<{ how: 'gone' | 'other' | 'more'; name: string; spoilt: Json }> {
  const copyWith = (object: number, change: (fields: Json) => void) => {
    const copy = structuredClone(value);
    change(findObjects(copy)[object] as Json);
    return copy;
  };
  for (const [i, object] of findObjects(value).entries()) {
    yield { how: 'more', name: 'unheardOf', spoilt: copyWith(i, (fields) => Object.assign(fields, { unheardOf: 1 })) };
    for (const [name, field] of Object.entries(object)) {
      yield { how: 'gone', name, spoilt: copyWith(i, (fields) => delete fields[name]) };
      const other = typeof field === 'object' && field !== null ? 'text' : { unheardOf: 1 };
      yield { how: 'other', name, spoilt: copyWith(i, (fields) => Object.assign(fields, { [name]: other })) };
    }
  }
}

describe('a field that is gone, of another type or unheard of is a fault:', () => {
  withPosix.each(COMMANDS)('%s', (command) => {
    const schema = SCHEMAS.get(command === 'verify' ? 'diff' : command) as Schema;
    const { required, optional } = findNames(schema);
    const tried = { gone: new Set<string>(), other: new Set<string>(), more: 0 };
    for (const value of printed.get(command) ?? []) {
      for (const { how, name, spoilt } of spoil(value)) {
        const fault = findFault(command, spoilt);
        if (how === 'more') {
          if (fault !== null) tried.more++;
          continue;
        }
        if (!required.has(name) && !optional.has(name)) continue; // a host's own
        tried[how].add(name);
        if (how === 'other' || !optional.has(name)) expect(fault, `${name} ${how}`).not.toBeNull();
      }
    }
    expect(tried.gone).toEqual(tried.other);
    const untried = [...required].filter((name) => !tried.gone.has(name));
    expect(untried).toEqual(process.platform === 'linux' || command !== 'doctor' ? [] : ['state']); // executable.state
    expect(tried.more).toBeGreaterThan(0);
  });
});
