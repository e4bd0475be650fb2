import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inForm } from '../helpers/long.ts';
import { makeTemp, removeTree } from '../helpers/temp.ts';
import { copyInstalled, MAJORS, start } from './host.ts';
import { isAvailable, type Manager, makeProject, manage, managers } from './managers.ts';
import { fetchBun, fetchNode } from './tools.ts';
import { changedTo, fingerprintOf, settle, watch } from './watching.ts';

/** No beat comes by itself: all that is seen is seen because of events. */
const NEVER_MS = 3_600_000;
const [from, to] = ['2.8.1', '2.9.0'];

async function install(manager: Manager, version: string): Promise<{ project: string; root: string }> {
  const project = makeProject();
  await manage(manager, project, 'add', `yaml@${version}`);
  return { project, root: join(project, 'node_modules/yaml') };
}

for (const manager of inForm('managers', managers, ({ name }) => name === 'npm' || name === 'pnpm')) {
  it.skipIf(!isAvailable(manager))(
    `an upgrade by ${manager.name} wakes: \`changed\` once, at the final tree`,
    async () => {
      const final = fingerprintOf((await install(manager, to)).root);
      const { project, root } = await install(manager, from);
      const watching = await watch(root, {}, { intervalMs: NEVER_MS, wake: true });
      await manage(manager, project, 'add', `yaml@${to}`);
      // A manager that goes on for 2 s after its last file has been overtaken.
      if (watching.changed.length === 0) await watching.until('changed');
      await settle();
      expect(fingerprintOf(root)).toBe(final);
      expect(watching.changed).toMatchObject([{ fingerprint: final, versions: { started: from, installed: to } }]);
      expect(changedTo(watching)).toEqual([final]);
    },
  );
}

/** It ends with its input: listening keeps no process alive. */
const PROGRAM = `
import { createDetector, startHeartbeat } from 'distprint';
process.stdin.resume();
const say = (what) => console.log(JSON.stringify(what));
startHeartbeat({
  detector: createDetector({ path: process.argv[2], settleMs: 200 }),
  intervalMs: ${NEVER_MS},
  wake: true,
  onNote: (note) => say({ note }),
  onBeat: ({ verdict, fingerprint }) => say({ verdict, fingerprint }),
});
`;

const runtimes = [...MAJORS.map((major) => [`Node ${major}`, fetchNode(major)] as const), ['Bun', fetchBun()] as const];

let installed = '';
beforeAll(() => {
  installed = copyInstalled();
});
afterAll(() => removeTree(installed));

describe.each(runtimes)('%s', (name, runtime) => {
  /** Starts a heartbeat on a package of its own. */
  function begin() {
    const root = join(makeTemp(), 'node_modules/example');
    write(root, 'package.json', '{"version": "1.0.0"}');
    write(root, 'dist/deep/a.js', 'alpha');
    const program = join(installed, `woken-${name}.mjs`);
    writeFileSync(program, PROGRAM);
    const running = start([runtime as string, program, root], installed);
    const until = async (verdict: string, is: (beat: Record<string, unknown>) => boolean = () => true) => {
      for (;;) {
        const beat = await running.next();
        if (beat.verdict === verdict && is(beat)) return;
      }
    };
    return { root, running, until };
  }

  it.skipIf(runtime === undefined)('is woken by whatever becomes of the tree', async () => {
    const { root, running, until } = begin();
    const acts = [
      () => write(root, 'dist/deep/a.js', 'in place'),
      () => {
        write(root, 'dist/deep/.a.js', 'by rename');
        renameSync(join(root, 'dist/deep/.a.js'), join(root, 'dist/deep/a.js'));
      },
      () => write(root, 'dist/new/and/newer/b.js', 'in new directories'),
      () => write(root, 'dist/new/and/newer/b.js', 'in directories that were new'),
      () => rmSync(join(root, 'dist/new'), { recursive: true }),
      () => write(root, 'dist/new/and/newer/b.js', 'in directories that are new again'),
      () => write(root, 'dist/new/and/newer/b.js', 'in them'),
      () => write(root, 'dist/größe/naïve.js', 'in a directory whose name is not ASCII'),
      () => write(root, 'dist/größe/naïve.js', 'in it'),
      () => rmSync(join(root, 'dist/größe'), { recursive: true }),
      () => write(root, 'dist/größe/naïve.js', 'in it, made anew'),
      () => write(root, 'dist/größe/naïve.js', 'in it again'),
      () => write(root, 'package.json', '{"version": "2.0.0"}'),
    ];
    await until('current');
    for (const act of acts) {
      act();
      const final = fingerprintOf(root);
      await until('changed', ({ fingerprint }) => fingerprint === final);
    }
    expect(await running.end()).toBe(0);
  });

  it.skipIf(runtime === undefined)('is woken where the whole tree goes and comes', async () => {
    const { root, running, until } = begin();
    await until('current');
    for (const round of [1, 2, 3]) {
      const retired = join(dirname(root), '.example-aB3dE6gH');
      renameSync(root, retired);
      await until('missing');
      write(root, 'dist/deep/a.js', `round ${round}`);
      write(root, 'package.json', '{"version": "1.0.0"}');
      await until('settling');
      rmSync(retired, { recursive: true });
      const final = fingerprintOf(root);
      await until('changed', ({ fingerprint }) => fingerprint === final);
      rmSync(dirname(root), { recursive: true });
      await until('missing');
      write(root, 'dist/deep/a.js', 'alpha');
      write(root, 'package.json', '{"version": "1.0.0"}');
      await until('current');
    }
    expect(readdirSync(root)).toEqual(['dist', 'package.json']);
    expect(await running.end()).toBe(0);
  });
});

function write(root: string, path: string, content: string): void {
  const at = join(root, path);
  mkdirSync(dirname(at), { recursive: true });
  writeFileSync(at, content);
}
