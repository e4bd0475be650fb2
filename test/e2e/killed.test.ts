import { cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeSeal } from '../../src/index.ts';
import { inForm } from '../helpers/long.ts';
import { makeTemp } from '../helpers/temp.ts';
import { filesIn, install, killHalfway, retiredOf } from './killing.ts';
import { isAvailable, type Manager, manage, managers, npm } from './managers.ts';
import { fetchTool } from './tools.ts';
import { BEAT_MS, changedTo, fingerprintOf, settle, sleep, watch } from './watching.ts';

const bun = managers.find(({ name }) => name === 'bun');

const OLD = 'typescript@5.8.3';
const NEW = 'typescript@5.9.3';
const LAST_UNPACKED = 'ThirdPartyNoticeText.txt';
/** As npm unpacks it: yarn 4 patches what it installs. */
const release = fetchTool(NEW) ?? '';

describe.skipIf(release === '')(
  'npm, killed halfway through an upgrade and left so for longer than it takes to settle',
  () => {
    it('is `settling`, and `changed` once, at the final tree, when the install is repaired', async () => {
      const { project, root } = await install(npm, 'typescript', OLD);
      const watching = await watch(root);
      await killHalfway(npm, project, NEW, { root, release, without: LAST_UNPACKED });
      expect(retiredOf(root)).toHaveLength(1);
      await settle();
      expect(watching.verdicts()).not.toContain('changed');
      expect(watching.beats.at(-1)).toMatchObject({ verdict: 'settling', reason: expect.stringContaining('npm') });

      await manage(npm, project, 'add', NEW);
      expect(retiredOf(root)).toEqual([]);
      await watching.until('changed', fingerprintOf(release));
      await settle();
      expect(watching.changed.map(({ fingerprint }) => fingerprint)).toEqual([fingerprintOf(release)]);
      expect(changedTo(watching)).toEqual([fingerprintOf(release)]);
    });

    const others = managers.filter(({ name }) => name !== 'npm' && name !== 'bun');
    for (const other of inForm('managers that repair', others, ({ name }) => name === 'pnpm')) {
      it.skipIf(!isAvailable(other))(`is \`changed\` once when it is repaired with ${other.name} instead`, async () => {
        const { root: final } = await install(other, 'typescript', NEW);
        const { project, root } = await install(npm, 'typescript', OLD);
        const watching = await watch(root);
        await killHalfway(npm, project, NEW, { root, release, without: LAST_UNPACKED });
        await manage(other, project, 'add', NEW);
        expect(fingerprintOf(root)).toBe(fingerprintOf(final));
        await watching.until('changed', fingerprintOf(final));
        await settle();
        expect(changedTo(watching)).toEqual([fingerprintOf(final)]);
        expect(watching.changed).toHaveLength(1);
      });
    }

    it.skipIf(bun === undefined || !isAvailable(bun))(
      'is no `changed` while bun takes the torn tree for installed',
      async () => {
        const { project, root } = await install(npm, 'typescript', OLD);
        const watching = await watch(root);
        await killHalfway(npm, project, NEW, { root, release, without: LAST_UNPACKED });
        await manage(bun as Manager, project, 'add', NEW);
        await settle();
        expect(fingerprintOf(root)).not.toBe(fingerprintOf(release));
        expect(watching.verdicts()).not.toContain('changed');
        expect(watching.beats.at(-1)?.verdict).toBe('settling');
      },
    );
  },
);

/** A directory in a `node_modules`, with enough files to be torn. */
function makeRelease(project: string, version: string): string {
  const root = join(project, version, 'node_modules/example');
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(join(root, 'package.json'), JSON.stringify({ name: 'example', version }));
  for (let i = 0; i < 10; i++) writeFileSync(join(root, 'dist', `${i}.js`), `${version} ${i}`);
  return root;
}

/** As a manager that was killed leaves it: the new package.json, and half of the new files. */
function tear(root: string, release: string): void {
  for (const file of filesIn(root)) if (!(file === 'dist')) rmSync(join(root, file));
  for (const file of [
    'package.json',
    ...filesIn(join(release, 'dist'))
      .slice(0, 5)
      .map((name) => join('dist', name)),
  ])
    cpSync(join(release, file), join(root, file));
}

describe('a torn tree that is left quiet', () => {
  it('beside what npm retired is no `changed` in the moment between the two steps of a repair either', async () => {
    const project = makeTemp();
    const root = makeRelease(project, '1.0.0');
    const release = makeRelease(project, '1.0.1');
    const watching = await watch(root);
    const retired = join(dirname(root), '.example-aB3dE6gH');
    renameSync(root, retired);
    mkdirSync(join(root, 'dist'), { recursive: true });
    tear(root, release);
    await settle();
    rmSync(retired, { recursive: true }); // npm makes room for what it is about to retire …
    await sleep(10 * BEAT_MS);
    expect(watching.verdicts()).not.toContain('changed');
    renameSync(root, retired); // … and retires it
    await watching.until('missing');
    cpSync(release, root, { recursive: true });
    rmSync(retired, { recursive: true });
    await watching.until('changed', fingerprintOf(release));
    expect(changedTo(watching)).toEqual([fingerprintOf(release)]);
    expect(watching.changed).toHaveLength(1);
  });

  it('with no trace of who tore it is taken for a release where it has no seal: nothing on disk can tell', async () => {
    const project = makeTemp();
    const root = makeRelease(project, '1.0.0');
    const release = makeRelease(project, '1.0.1');
    const watching = await watch(root);
    tear(root, release);
    const torn = fingerprintOf(root);
    await watching.until('changed', torn);
    cpSync(release, root, { recursive: true });
    await watching.until('changed', fingerprintOf(release));
    expect(watching.changed.map(({ fingerprint }) => fingerprint)).toEqual([torn, fingerprintOf(release)]);
  });

  it.each([
    ['whose seal is there already', true],
    ['whose seal is still to come, after a release that had one', false],
  ])('%s is never `changed`, and is `changed` at once when it is whole', async (_, hasSeal) => {
    const project = makeTemp();
    const root = makeRelease(project, '1.0.0');
    const release = makeRelease(project, '1.0.1');
    await writeSeal(root);
    await writeSeal(release);
    const watching = await watch(root);
    tear(root, release);
    if (hasSeal) cpSync(join(release, 'dist/.distprint-seal'), join(root, 'dist/.distprint-seal'));
    await settle();
    expect(watching.verdicts()).not.toContain('changed');
    expect(watching.beats.at(-1)).toMatchObject({ verdict: 'settling', reason: expect.stringContaining('seal') });
    cpSync(release, root, { recursive: true });
    const wholeMs = performance.now();
    await watching.until('changed');
    expect(performance.now() - wholeMs).toBeLessThan(1_000);
    expect(changedTo(watching)).toEqual([fingerprintOf(release)]);
    expect(watching.changed).toHaveLength(1);
  });
});
