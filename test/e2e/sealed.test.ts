import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeSeal } from '../../src/index.ts';
import { inForm } from '../helpers/long.ts';
import { makeTempToRemove, removeTree } from '../helpers/temp.ts';
import { install, killHalfway } from './killing.ts';
import { isAvailable, type Manager, manage, managers, must } from './managers.ts';
import { fetchTool } from './tools.ts';
import { changedTo, fingerprintOf, SETTLE_MS, settle, watch } from './watching.ts';

const yaml = { old: fetchTool('yaml@2.8.1'), new: fetchTool('yaml@2.9.0') };
const yarn = managers.find(({ name }) => name === 'yarn 1') as Manager;

const sealed = { old: '', new: '' };
const unsealed = { old: '', new: '' };
const places: string[] = [];

/** A tarball such as is published, of a release of yaml. */
async function pack(release: string, withSeal: boolean): Promise<string> {
  const place = makeTempToRemove();
  places.push(place);
  const root = join(place, 'yaml');
  cpSync(release, root, { recursive: true });
  if (withSeal) await writeSeal(root);
  return join(place, 'yaml', (await must(['npm', 'pack', '--silent', '--ignore-scripts'], root)).trim());
}

describe.skipIf(yaml.old === undefined || yaml.new === undefined)('a real package', () => {
  beforeAll(async () => {
    for (const age of ['old', 'new'] as const) {
      sealed[age] = await pack(yaml[age] as string, true);
      unsealed[age] = await pack(yaml[age] as string, false);
    }
  }, 60_000);
  afterAll(() => {
    for (const place of places) removeTree(place);
  });

  // The torn ones below are yarn 1's.
  for (const manager of inForm('managers', managers, ({ name }) => name === 'npm' || name === 'pnpm')) {
    it.skipIf(!isAvailable(manager))(
      `with a seal, upgraded by ${manager.name}: \`changed\` once, sooner than it could settle`,
      async () => {
        const { root: final } = await install(manager, 'yaml', sealed.new);
        const { project, root } = await install(manager, 'yaml', sealed.old);
        const watching = await watch(root, { settleMs: 20 * SETTLE_MS });
        await manage(manager, project, 'add', sealed.new);
        await watching.until('changed'); // within 30 s
        await settle();
        expect(changedTo(watching)).toEqual([fingerprintOf(final)]);
        expect(watching.changed).toMatchObject([{ versions: { started: '2.8.1', installed: '2.9.0' } }]);
      },
    );
  }

  it.skipIf(!isAvailable(yarn))(
    'with a seal, torn by a yarn 1 that was killed: never `changed` while torn, once when repaired',
    async () => {
      const { root: final } = await install(yarn, 'yaml', sealed.new);
      const { project, root } = await install(yarn, 'yaml', sealed.old);
      const watching = await watch(root);
      await killHalfway(yarn, project, sealed.new, { root, release: final, without: 'dist/compose/composer.js' });
      await settle();
      expect(fingerprintOf(root)).not.toBe(fingerprintOf(final));
      expect(watching.verdicts()).not.toContain('changed');
      await manage(yarn, project, 'add', sealed.new);
      await watching.until('changed');
      await settle();
      expect(changedTo(watching)).toEqual([fingerprintOf(final)]);
      expect(watching.changed).toHaveLength(1);
    },
  );

  it.skipIf(!isAvailable(yarn))(
    'without a seal, torn by a yarn 1 that was killed: taken for a release once quiet, and `changed` again when repaired',
    async () => {
      const { root: final } = await install(yarn, 'yaml', unsealed.new);
      const { project, root } = await install(yarn, 'yaml', unsealed.old);
      const watching = await watch(root);
      await killHalfway(yarn, project, unsealed.new, { root, release: final, without: 'dist/compose/composer.js' });
      const torn = fingerprintOf(root);
      await watching.until('changed', torn);
      await manage(yarn, project, 'add', unsealed.new);
      await watching.until('changed', fingerprintOf(final));
      expect(changedTo(watching)).toEqual([torn, fingerprintOf(final)]);
    },
  );
});
