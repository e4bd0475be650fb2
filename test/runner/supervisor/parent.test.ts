/** Who is taken for nobody: a parent that waits for this process never is. Each case has real processes, most in a PID namespace. */

import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Supervisor } from '../../../src/runner/supervisor/find-supervisor.ts';
import { built } from '../../helpers/built.ts';
import { hasProgram, isRoot, needs, onlyWith, succeeds } from '../../helpers/needs.ts';
import { plainEnv, run } from '../../helpers/run.ts';
import { makeRunnerPackage } from '../../helpers/runner.ts';
import { makeTemp } from '../../helpers/temp.ts';

/** Says in $OUT who its supervisor is, and what is decided on a runtime that has `process.execve`, and on one that hasn't. */
const PROGRAM = `
import { renameSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
const { findSupervisor } = await import(${JSON.stringify(built('runner/supervisor/find-supervisor.js'))});
const { decideStrategy } = await import(${JSON.stringify(built('runner/supervisor/strategy.js'))});
const { OUT, WITH_PARENT = String(process.ppid) } = process.env;
while (String(process.ppid) !== WITH_PARENT) await delay(2);
const supervisor = await findSupervisor(75);
const decide = (wanted, execBlocker) => decideStrategy(wanted, { supervisor, execBlocker, exitStatus: 75 }).strategy;
const decided = { auto: decide('auto', null), old: decide('auto', 'none here'), respawn: decide('respawn', null) };
writeFileSync(OUT + '.tmp', JSON.stringify({ supervisor, ...decided }));
renameSync(OUT + '.tmp', OUT);
`;

interface Said {
  supervisor: Supervisor;
  auto: string;
  old: string;
  respawn: string;
}

/** What the program says when it is started by these words; `@` is its own command line. */
async function askUnder(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Said> {
  const folder = makeTemp();
  chmodSync(folder, 0o777);
  const [program, out] = [join(folder, 'program.mjs'), join(folder, 'out')];
  writeFileSync(program, PROGRAM);
  const command = words.flatMap((word) => (word === '@' ? [process.execPath, program] : [word]));
  const ran = await run(command, { env: { ...plainEnv, OUT: out, ...env } });
  if (!existsSync(out)) throw new Error(`${command.join(' ')}: ${JSON.stringify(ran)}`);
  return JSON.parse(readFileSync(out, 'utf8'));
}

const waits = (name: string | RegExp) => ({
  supervisor: { kind: 'parent', name: expect.stringMatching(name) },
  auto: 'exec',
  old: 'none',
  respawn: 'respawn',
});
const NOBODY = { supervisor: { kind: 'nobody' }, auto: 'respawn', old: 'respawn', respawn: 'respawn' };

const itInNamespace = isRoot ? needs('unshare', hasProgram('unshare')) : onlyWith('root', false);
/** As PID 1 of a namespace of its own. */
const asFirst = (...words: string[]) => ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child', ...words];
/** A shell as PID 1, or as the main child: it runs until the program has said who its supervisor is. */
const untilSaid = (script: string) => ['sh', '-c', `${script}; until [ -e "$OUT" ]; do sleep 0.02; done`, 'sh', '@'];
const ADOPTED = { WITH_PARENT: '1' };

describe('a parent that waits is not nobody', () => {
  it.skipIf(!hasProgram('setsid'))('setsid -w', async () => {
    expect(await askUnder(['setsid', '--fork', '--wait', '@'])).toEqual(waits(/^setsid \d+$/));
  });

  it('a program that spawned it detached, and waits for its exit', async () => {
    const spawns = `const [file, ...words] = process.argv.slice(1);
      const { spawn } = require('node:child_process');
      spawn(file, words, { detached: true }).on('exit', (code) => process.exit(code));`;
    expect(await askUnder([process.execPath, '-e', spawns, '--', '@'])).toEqual(waits(/^node|^MainThread/));
  });

  describe.each(['dumb-init', 'tini', 'catatonit'])('%s as PID 1', (init) => {
    const itWith = hasProgram(init) ? itInNamespace : needs(init, false);

    // dumb-init has it lead a session of its own, the others don't.
    itWith('waits for its main child', async () => {
      expect(await askUnder(asFirst(init, '--', '@'))).toEqual(waits(`^${init} 1$`));
    });

    itWith('waits for no daemon that it took in beside its main child', async () => {
      expect(await askUnder(asFirst(init, '--', ...untilSaid('setsid -f "$@"')), ADOPTED)).toEqual(NOBODY);
    });
  });

  itInNamespace('any other PID 1 may wait for a leader of a session, and waits for nobody below one', async () => {
    expect(await askUnder(asFirst(...untilSaid('setsid "$@"')))).toEqual(waits('^sh 1$'));
    expect(await askUnder(asFirst(...untilSaid('setsid -f "$@"')), ADOPTED)).toEqual(waits('^sh 1$'));
    const twice = `setsid sh -c '"$@" &' sh "$@"`;
    expect(await askUnder(asFirst(...untilSaid(twice)), ADOPTED)).toEqual(NOBODY);
  });

  itInNamespace('an init that only reaps waits for nobody; a program that a container calls /init may', async () => {
    const named = (name: string) => ['bash', '-c', 'name=$1; shift; exec -a "$name" "$@"', 'bash', name];
    const script = untilSaid('setsid -f "$@"');
    expect(await askUnder(asFirst(...named('/sbin/init'), ...script), ADOPTED)).toEqual(NOBODY);
    expect(await askUnder(asFirst(...named('/init'), ...script), ADOPTED)).toEqual(waits(/ 1$/));
  });

  itInNamespace('one outside the PID namespace, as of `docker exec`, is not seen at all', async () => {
    const enter = `${asFirst('sleep', '600').join(' ')} & outer=$!
      until first=$(pgrep -P $outer) && [ "$(cat /proc/$first/comm)" = sleep ]; do sleep 0.02; done
      nsenter -t $first -p -m setsid "$@"; kill -9 $first`;
    expect(await askUnder(['sh', '-c', enter, 'sh', '@'])).toEqual(waits('^a process outside this container$'));
  });

  const canHide = isRoot && succeeds('unshare', '-pf', '--mount-proc', 'mount', '-o', 'remount,hidepid=2', '/proc');
  onlyWith('the right to mount /proc with hidepid=2', canHide)('one that hidepid=2 hides', async () => {
    const script = `mount -o remount,hidepid=2 /proc
      sh -c 'setsid -w setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; :' sh "$@"`;
    expect(await askUnder(asFirst('sh', '-c', script, 'sh', '@'))).toEqual(waits(/^process \d+$/));
  });
});

describe('a runner whose parent ends', () => {
  // A session of its own tells who was taken in. Who leads one tells it by its parent alone, which is another now.
  itInNamespace.each([
    ['below a leader of a session', '"$@"'],
    ['that leads a session', 'setsid "$@"'],
  ])('%s decides anew: it is nobody then', async (_, command) => {
    const root = makeRunnerPackage(makeTemp());
    const stateFile = join(makeTemp(), 'state/runner.state.json');
    const RUNNER = JSON.stringify({ stateFile, intervalMs: 30 });
    const untilState = (text: string) => `until grep -q '${text}' ${stateFile} 2>/dev/null; do sleep 0.02; done`;
    const parent = `${command} & ${untilState('"supervisor": *"parent"')}`;
    const script = `setsid -w sh -c '${parent.replaceAll("'", `'\\''`)}' sh "$@"; ${untilState('"supervisor": *"nobody"')}`;
    const words = asFirst('sh', '-c', script, 'sh', process.execPath, join(root, 'dist/main.js'));
    expect(await run(words, { env: { ...plainEnv, RUNNER } })).toMatchObject({ code: 0 });
  });
});

describe("OpenRC's supervise-daemon", () => {
  const itHere = hasProgram('supervise-daemon') ? itInNamespace : needs('supervise-daemon', false);
  const start = (...options: string[]) => {
    const words = ['supervise-daemon', 'daemon', '--start', '--pidfile', '/run/daemon.pid', ...options];
    const script = `mount -t tmpfs tmpfs /run; mkdir -p /run/openrc/daemons /run/openrc/options
      node=$1; shift; ${words.join(' ')} "$node" -- "$@"; until [ -e "$OUT" ]; do sleep 0.02; done`;
    return askUnder(asFirst('sh', '-c', script, 'sh', '@'), { RC_SVCNAME: 'daemon' });
  };

  itHere('is known; by default it gives up after ten restarts in all, so it is none that restarts', async () => {
    const supervisor = { kind: 'openrc', restarts: null };
    expect(await start()).toEqual({ supervisor, auto: 'exec', old: 'none', respawn: 'none' });
  });

  itHere('restarts with a period, or without a maximum', async () => {
    const expected = { supervisor: { kind: 'openrc', restarts: true }, auto: 'exec', old: 'exit', respawn: 'none' };
    expect(await start('--respawn-period', '60')).toEqual(expected);
    expect(await start('--respawn-max', '0')).toEqual(expected);
  });
});
