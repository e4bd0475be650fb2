import { readdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inForm } from '../helpers/long.ts';
import { makeTemp } from '../helpers/temp.ts';
import { isAvailable, type Manager, makeProject, manage, managers, must, npm } from './managers.ts';
import { changedTo, fingerprintOf, settle, type Watching, watch } from './watching.ts';

/** One without `dist`, where every file counts, and one with `dist` and `bin`. */
const releases = [
  { name: 'typescript', from: '5.8.3', to: '5.9.3' },
  { name: 'yaml', from: '2.8.1', to: '2.9.0' },
] as const;
const [, yaml] = releases;

/** Where a release lies in a project of its own. */
async function install(manager: Manager, name: string, version: string): Promise<{ project: string; root: string }> {
  const project = makeProject();
  await manage(manager, project, 'add', `${name}@${version}`);
  return { project, root: join(project, 'node_modules', name) };
}

/** Also makes sure that the release is in the manager's cache, so that it takes no longer over a slow network. */
async function fingerprintElsewhere(manager: Manager, name: string, version: string): Promise<string> {
  return fingerprintOf((await install(manager, name, version)).root);
}

function expectOneChange(watching: Watching, fingerprint: string, versions: { started: string; installed: string }) {
  expect(watching.changed).toMatchObject([{ verdict: 'changed', fingerprint, versions }]);
  expect(changedTo(watching)).toEqual([fingerprint]);
}

/** Three ways to put a file into its place: npm and both yarns write it, pnpm and bun link it from a store, each after its own fashion. */
const isKind = ({ name }: Manager) => ['npm', 'pnpm', 'bun'].includes(name);

for (const manager of managers) {
  describe.skipIf(!isAvailable(manager))(`${manager.name}, with a beat every 20 ms`, () => {
    it.each(inForm('packages', releases, ({ name }) => name === yaml.name))(
      'upgrades $name in place: `changed` once, at the final tree',
      async ({ name, from, to }) => {
        const final = await fingerprintElsewhere(manager, name, to);
        const { project, root } = await install(manager, name, from);
        const watching = await watch(root);
        await manage(manager, project, 'add', `${name}@${to}`);
        await watching.until('changed');
        await settle();
        expect(fingerprintOf(root)).toBe(final);
        expectOneChange(watching, final, { started: from, installed: to });
        expect(watching.beats.at(-1)?.verdict).toBe('changed');
      },
    );

    it.each(inForm('managers that reinstall', [yaml], () => isKind(manager)))(
      'reinstalls the same version, with force and from nothing: never `changed`',
      async () => {
        const { project, root } = await install(manager, yaml.name, yaml.from);
        const watching = await watch(root);
        await manage(manager, project, 'reinstall');
        await settle();
        const { ctimeMs } = statSync(root);
        rmSync(join(project, 'node_modules'), { recursive: true });
        await watching.until('missing');
        await manage(manager, project, 'reinstall');
        await watching.until('current');
        await settle();
        expect(statSync(root).ctimeMs).toBeGreaterThan(ctimeMs);
        expect(watching.beats.at(-1)?.verdict).toBe('current');
        expect(watching.verdicts()).not.toContain('changed');
      },
    );

    it.each(inForm('managers that uninstall', [yaml], () => manager === npm))(
      'uninstalls: `missing`; then `current` when the version is back, `changed` when another comes',
      async () => {
        const final = await fingerprintElsewhere(manager, yaml.name, yaml.to);
        const { project, root } = await install(manager, yaml.name, yaml.from);
        const watching = await watch(root);
        const uninstall = async () => {
          await manage(manager, project, 'remove', yaml.name);
          await settle();
          expect(watching.beats.at(-1)?.verdict).toBe('missing');
        };
        await uninstall();
        await manage(manager, project, 'add', `${yaml.name}@${yaml.from}`);
        await settle();
        expect(watching.beats.at(-1)?.verdict).toBe('current');
        expect(watching.changed).toEqual([]);

        await uninstall();
        await manage(manager, project, 'add', `${yaml.name}@${yaml.to}`);
        await watching.until('changed');
        await settle();
        expectOneChange(watching, final, { started: yaml.from, installed: yaml.to });
      },
    );
  });
}

describe('npm -g with a prefix, with a beat every 20 ms', () => {
  const installed = [
    { ...releases[0], bin: 'tsc', depth: '..' },
    { ...releases[1], bin: 'yaml', depth: '.' },
  ];
  it.each(inForm('packages', installed, ({ name }) => name === yaml.name))(
    'upgrades $name behind its bin link: `changed` once, at the final tree',
    async ({ name, from, to, bin, depth }) => {
      const final = await fingerprintElsewhere(npm, name, to);
      const prefix = makeTemp();
      const installGlobally = (version: string) =>
        must([...npm.program, ...npm.add, '-g', '--prefix', prefix, `${name}@${version}`] as string[], prefix);
      await installGlobally(from);
      const script = realpathSync(join(prefix, 'bin', bin));
      const root = join(dirname(script), depth);
      const watching = await watch(root);
      await installGlobally(to);
      await watching.until('changed');
      await settle();
      expect(realpathSync(join(prefix, 'bin', bin))).toBe(script);
      expect(readdirSync(dirname(root))).toEqual([name]); // nothing retired is left
      expect(fingerprintOf(root)).toBe(final);
      expectOneChange(watching, final, { started: from, installed: to });
    },
  );
});
