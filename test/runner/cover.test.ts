/** A program outside `dist`, in a package that has one: the fingerprint covers what runs. */

import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readRunnerStatus } from '../../src/runner/index.ts';
import { built } from '../helpers/built.ts';
import { run } from '../helpers/run.ts';
import { makeRunnerPackage, startRunner } from '../helpers/runner.ts';
import { makeTemp, writeTree } from '../helpers/temp.ts';
import { until } from '../helpers/wait.ts';

/** The daemon's own files in `place`, and a `dist` of something else. */
function makePackage(place: string, bin: string | undefined): string {
  const root = makeTemp();
  cpSync(join(makeRunnerPackage(makeTemp()), 'dist'), join(root, place), { recursive: true });
  writeTree(root, { 'package.json': { name: 'daemon', version: '1.0.0', type: 'module', bin }, 'dist/page.js': '1' });
  return root;
}

const release = (version: string) => `export default '${version}';`;

describe('a program that runs from', () => {
  it.each([
    ['lib', ['dist/**', 'lib/**']],
    ['.', ['*.js', 'dist/**']],
  ])('%s, beside a dist: a change of its own code is seen, and handed off to', async (place, include) => {
    const root = makePackage(place, undefined);
    const runner = await startRunner({ strategy: 'respawn' }, { root, script: join(root, place, 'main.js') });
    expect(runner.state().distprint.coverage).toMatchObject({ kind: 'package', include });
    writeTree(root, { [join(place, 'release.js')]: release('2.0.0') });
    await until('the replacement', () => runner.said.find(({ generation }) => generation === 2));
    expect(runner.said.flatMap((said) => said.release ?? [])).toEqual(['1.0.0', '2.0.0']);
    await until('its state', () => runner.state().distprint.generation === 2 || undefined);
    expect(readRunnerStatus({ stateFile: runner.stateFile }).installed?.verdict).not.toBe('changed');
  });

  it('lib, named in bin: what counts is as usual', async () => {
    const root = makePackage('lib', 'lib/main.js');
    const runner = await startRunner({}, { root, script: join(root, 'lib/main.js') });
    expect(runner.state().distprint.coverage.include ?? null).toBeNull();
  });

  it('lib, where the host says what counts: that alone', async () => {
    const root = makePackage('lib', undefined);
    const setup = { include: ['lib/main.js'] };
    const runner = await startRunner(setup, { root, script: join(root, 'lib/main.js') });
    expect(runner.state().distprint.coverage).toMatchObject(setup);
  });
});

describe('a detector of a package whose program runs from lib, beside a dist', () => {
  it('notes what to include; with that, it notes nothing', async () => {
    const root = makePackage('lib', undefined);
    const see = `import { createDetector } from ${JSON.stringify(built('index.js'))};
      const notesOf = (options) => createDetector({ path: ${JSON.stringify(root)}, ...options }).notes;
      console.log(JSON.stringify([notesOf({}), notesOf({ include: ['dist/**', 'lib/**'] })]));`;
    writeTree(root, { 'lib/see.js': see });
    const { stdout } = await run([process.execPath, join(root, 'lib/see.js')]);
    const note = 'the running program does not count; set include to ["dist/**","lib/**"]';
    expect(JSON.parse(stdout)).toEqual([[note], []]);
  });
});
