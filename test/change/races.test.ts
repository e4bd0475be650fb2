import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, onTestFinished } from 'vitest';
import { createDetector, type Detector } from '../../src/change/detector.ts';
import { isDistprintError } from '../../src/errors.ts';
import { buildManifestSync } from '../../src/manifest/build.ts';
import type { CoverageOptions } from '../../src/scan/coverage.ts';
import { hasProgram, needs } from '../helpers/needs.ts';
import { BIN, benign, content, type Drawn, upheaval } from '../helpers/operations.ts';
import { nodeCommand } from '../helpers/run.ts';
import { firstSeed, printSeeds } from '../helpers/seed.ts';
import { makeTemp, writeTree } from '../helpers/temp.ts';
import { notRacy } from '../helpers/wait.ts';
import { makeTemplate, makeWorld, type World } from '../helpers/world.ts';

const BURSTS = 200;

const itWithTools = needs('git and mkfifo', ['git', 'mkfifo'].every(hasProgram));

const coverages: readonly CoverageOptions[] = [
  {},
  {},
  {},
  { include: ['**/*'] },
  { exclude: ['dist/d0'] },
  { exclude: ['dist'] },
];

/** After a write to package.json, everything is found out anew for as long as it is racy; here it must not be. */
const namesOf = (operations: object) => Object.keys(operations).filter((name) => !/package|version|restore/.test(name));
const number = fc.nat({ max: 1_000 });
const draw = (operations: object) => fc.record({ name: fc.constantFrom(...namesOf(operations)), a: number, b: number });
const bursts = fc.array(fc.oneof(draw(upheaval), draw({ ...benign, ...content })), { minLength: 1, maxLength: 5 });

/** A process that writes to a world, until the test is over. */
async function startWriter(world: World) {
  const child = fork(fileURLToPath(new URL('../helpers/writing-child.ts', import.meta.url)), {
    execArgv: nodeCommand.slice(1),
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child, 'message');
  return async (operations: readonly Drawn[]) => {
    child.send({ world, operations });
    await once(child, 'message');
  };
}

/** Looks, in either way, until `work` is done. */
async function lookWhile(detector: Detector, work: Promise<void>): Promise<void> {
  let isDone = false;
  const done = work.finally(() => {
    isDone = true;
  });
  for (let looks = 0; !isDone; looks++) {
    await (looks % 2 === 0 ? detector.check() : detector.checkSync());
    await new Promise(setImmediate);
  }
  await done;
}

/** Of a look that knows nothing of those before it; null where it fails. */
function freshFingerprint(path: string, coverage: CoverageOptions): string | null {
  try {
    return buildManifestSync(path, { kind: 'package', ...coverage }).fingerprint;
  } catch (error) {
    if (isDistprintError(error)) return null;
    throw error;
  }
}

async function race(world: World, coverage: CoverageOptions, seed: number): Promise<void> {
  const write = await startWriter(world);
  const path = world.root;
  const detector = createDetector({ path, ...coverage });
  for (const operations of fc.sample(bursts, { seed, numRuns: BURSTS })) {
    await lookWhile(detector, write(operations));
    const story = operations.map(({ name, a, b }) => `${name} (${a}, ${b})`).join('; ');
    expect(detector.checkSync().fingerprint, story).toBe(freshFingerprint(path, coverage));
  }
  await notRacy();
  await detector.check(); // the last time that what was written is read
  expect((await detector.check()).fingerprint).toBe(freshFingerprint(path, coverage));
}

describe('looked at again and again while another process writes to it', () => {
  itWithTools(
    'a package is known as it is whenever that process is done',
    async () => {
      const base = makeTemp();
      const template = makeTemplate(base);
      writeTree(template.root, { 'package.json': { name: 'example', version: '1.0.0', bin: BIN }, [BIN]: 'alpha' });
      const worlds = coverages.map((_, i) => makeWorld(join(base, `${i}`), template));
      printSeeds('races', coverages.length);
      await notRacy();
      await Promise.all(coverages.map((coverage, i) => race(worlds[i] as World, coverage, firstSeed + i)));
    },
    120_000,
  );
});
