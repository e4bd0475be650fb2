/**
 * Events that get lost: the system has no watches left, or its queue has room for one event. Each in a process of its own, and the limits
 * of the system in a user namespace of its own where they have one.
 */

import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished } from 'vitest';
import type { Check } from '../../src/change/detector.ts';
import { built } from '../helpers/built.ts';
import { isRoot, needs, onlyWith, succeeds } from '../helpers/needs.ts';
import { makePackage, makeTemp, writeTree } from '../helpers/temp.ts';
import { until } from '../helpers/wait.ts';

const INTERVAL_MS = 1_500;
const SETTLE_MS = 100;
/** For a look, on a busy machine. */
const SLACK_MS = 1_500;

const PROGRAM = `
import { createDetector, startHeartbeat } from ${JSON.stringify(built('index.js'))};
const say = (what) => console.log(JSON.stringify(what));
setInterval(() => {}, 1_000);
startHeartbeat({
  detector: createDetector({ path: process.argv[2], settleMs: ${SETTLE_MS} }),
  intervalMs: ${INTERVAL_MS},
  wake: true,
  onNote: (note) => say({ note }),
  onBeat: (beat) => say({ beat }),
});
`;

/** Starts a heartbeat on a package, behind `launcher`. */
function start(launcher: readonly string[] = []) {
  const root = makePackage({ 'dist/a.js': 'alpha', 'dist/deep/b.js': 'beta' });
  const program = join(makeTemp(), 'program.mjs');
  writeFileSync(program, PROGRAM);
  const [file = '', ...words] = [...launcher, process.execPath, program, root];
  const child = spawn(file, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.on('close', resolve));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const beats: Check[] = [];
  const notes: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { beat, note } = JSON.parse(line) as { beat?: Check; note?: string };
    if (beat) beats.push(beat);
    if (note) notes.push(note);
  });
  return { root, beats, notes, firstBeat: () => until('the first beat', () => beats[0]) };
}

/** Every change is found at the next beat at the latest, and settles after that. */
async function expectFound({ root, beats }: Pick<ReturnType<typeof start>, 'root' | 'beats'>): Promise<void> {
  for (const path of ['dist/a.js', 'dist/deep/b.js', 'dist/new/c.js', 'dist/new/c.js']) {
    const seen = beats.length;
    writeTree(root, { [path]: `${Math.random()}` });
    const writtenMs = performance.now();
    await until('changed', () => beats.slice(seen).find(({ verdict }) => verdict === 'changed'));
    expect(performance.now() - writtenMs).toBeLessThan(INTERVAL_MS + SETTLE_MS + SLACK_MS);
  }
}

const hasNamespace = succeeds(
  'unshare',
  '--user',
  '--map-root-user',
  'test',
  '-w',
  '/proc/sys/user/max_inotify_watches',
);

/** Runs what follows in a user namespace in which this limit of inotify(7) is so low. */
const withLimit = (name: string, value: number) => {
  const script = `echo ${value} > /proc/sys/user/${name} && exec "$@"`;
  return ['unshare', '--user', '--map-root-user', 'sh', '-c', script, 'sh'];
};

describe('where the system has', () => {
  const inNamespace = needs('user namespaces', hasNamespace);

  inNamespace.each([
    ['no watches', 'max_inotify_watches', 0, 'ENOSPC'],
    ['few watches', 'max_inotify_watches', 3, 'ENOSPC'],
    ['no inotify instances', 'max_inotify_instances', 0, 'EMFILE'],
  ])('%s left, it is said once, and a beat finds what changed', async (_, name, value, code) => {
    const listening = start(withLimit(name, value));
    await listening.firstBeat();
    await expectFound(listening);
    expect(listening.notes).toEqual([expect.stringContaining(code)]);
    expect(listening.notes[0]).toContain(`only ${value} of `);
  });
});

const QUEUE = '/proc/sys/fs/inotify/max_queued_events';

describe('where the queue of events', () => {
  onlyWith('root, and inotify', isRoot && existsSync(QUEUE))(
    'has room for one, a beat finds what changed',
    async () => {
      // The limit has no namespace. It is read when a process begins to listen, and is put back right after.
      const before = readFileSync(QUEUE, 'utf8');
      const putBack = () => writeFileSync(QUEUE, before);
      onTestFinished(putBack);
      writeFileSync(QUEUE, '1');
      const listening = start();
      await listening.firstBeat();
      putBack();
      await expectFound(listening);
    },
  );
});
