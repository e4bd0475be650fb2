import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { type Check, createDetector, type Detector } from '../../src/change/detector.ts';
import { inForm } from '../helpers/long.ts';
import { differ, isSame, type Model, rehash } from '../helpers/model.ts';
import { hasProgram, needs } from '../helpers/needs.ts';
import { benign, benignSlow, content, type Drawn } from '../helpers/operations.ts';
import { firstSeed, printSeeds } from '../helpers/seed.ts';
import { makeSharedTemp } from '../helpers/tree.ts';
import { notRacy, settled } from '../helpers/wait.ts';
import { makeTemplate, makeWorld, type Operation, type World } from '../helpers/world.ts';

const RUNS = 2;
const PARTS = 3;
const OPERATIONS_A_PART = 30;
/** Seeds of histories that go on at the same time, so that they wait together for timestamps to be trusted. */
const SEEDS = inForm(
  'histories',
  Array.from({ length: 60 }, (_, i) => firstSeed + i),
  (seed) => seed < firstSeed + 16,
);
const TIMEOUT_MS = 300_000;

const temp = makeSharedTemp();
const itWithTools = needs('git, rsync and mkfifo', ['git', 'rsync', 'mkfifo'].every(hasProgram));
const nextPlace = () => join(temp, `${places++}`);
let places = 0;

const all: Record<string, Operation> = { ...benign, ...benignSlow, ...content };
const number = fc.nat({ max: 1_000 });
const draw = (operations: Record<string, Operation>) =>
  fc.record({ name: fc.constantFrom(...Object.keys(operations)), a: number, b: number });

const apply = (world: World, { name, a, b }: Drawn) => (all[name] as Operation)(world, a, b);

interface History {
  /** Between two of them time passes, so that timestamps are trusted afterwards, and the process is another one. */
  parts: Drawn[][];
  /** Whether it is with a cache file, which is synced to disk each time. */
  cached: boolean;
}

const exactly = (length: number) => ({ minLength: length, maxLength: length });

const drawHistory = (each: fc.Arbitrary<Drawn>): fc.Arbitrary<History> =>
  fc.noShrink(
    fc.record({
      parts: fc.array(fc.array(each, exactly(OPERATIONS_A_PART)), exactly(PARTS)),
      cached: fc.nat({ max: 7 }).map((n) => n === 0),
    }),
  );

const answers = { current: 0, changed: 0 };
let operations = 0;

/** That an answer which is a conclusion is the model's. */
function expectModelled(check: Check, start: Model, now: Model): void {
  const same = isSame(start, now);
  expect(check.verdict).toBe(same ? 'current' : 'changed');
  answers[same ? 'current' : 'changed']++;
  if (same) return;
  const version = start.version === now.version ? null : { from: start.version, to: now.version };
  const { added = [], removed = [], changed = [], ...rest } = check.changes ?? {};
  const sorted = { added: [...added].sort(), removed: [...removed].sort(), changed: [...changed].sort() };
  expect({ ...rest, ...sorted }).toEqual({ version, ...differ(start, now) });
}

/** Many histories at once, each with a seed of its own. None is shrunk: its story up to where it went wrong says more, and sooner. */
async function assertAtOnce(what: string, runs: number, property: () => fc.IAsyncProperty<[History]>): Promise<void> {
  printSeeds(what, SEEDS.length);
  const ends = await Promise.allSettled(SEEDS.map((seed) => fc.assert(property(), { seed, numRuns: runs })));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

/** Runs a part of a history, and adds to what goes wrong what was done before. */
async function tell(done: readonly Drawn[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const story = done.slice(-8).map(({ name, a, b }) => `${name} (${a}, ${b})`);
    throw new Error(`after ${done.length} operations, the last ones ${story.join('; ')}: ${error}`, { cause: error });
  }
}

describe('at every quiet point', () => {
  itWithTools(
    'the answer of the detector is that of a model that rehashes everything',
    async () => {
      const template = makeTemplate(nextPlace());
      const fast = draw({ ...benign, ...content });
      const operation = fc.oneof({ weight: 100, arbitrary: fast }, { weight: 1, arbitrary: draw(benignSlow) });
      await assertAtOnce('operations', RUNS, () =>
        fc.asyncProperty(drawHistory(operation), async ({ parts, cached }) => {
          const base = nextPlace();
          const world = makeWorld(base, template);
          const start = rehash(world.root);
          const options = { path: world.root, settleMs: 1, ...(cached && { cacheFile: join(base, 'cache') }) };
          const first = createDetector(options);
          let detector: Detector = first;
          const done: Drawn[] = [];
          for (const part of parts) {
            for (const drawn of part) {
              done.push(drawn);
              await tell(done, async () => {
                apply(world, drawn);
                operations++;
                const now = rehash(world.root);
                const early = detector.checkSync();
                if (early.verdict !== 'settling') expectModelled(early, start, now);
                expectModelled(await settled(detector), start, now);
              });
            }
            await notRacy();
            await tell(done, async () => {
              expectModelled(detector.checkSync(), start, rehash(world.root));
              expect(await detector.check()).toMatchObject({ filesRead: 0, directoriesRead: 0 });
            });
            detector = createDetector({ ...options, baseline: first.baseline }); // a fresh process
          }
        }),
      );
      expect(operations).toBe(SEEDS.length * RUNS * PARTS * OPERATIONS_A_PART);
      expect(answers.current).toBeGreaterThan(operations / 10);
      expect(answers.changed).toBeGreaterThan(operations / 10);
    },
    TIMEOUT_MS,
  );

  itWithTools(
    'it is current after whatever leaves the content as it was, at once, and never anything else',
    async () => {
      const template = makeTemplate(nextPlace());
      const operation = fc.oneof({ weight: 20, arbitrary: draw(benign) }, { weight: 1, arbitrary: draw(benignSlow) });
      await assertAtOnce('operations that change nothing', 1, () =>
        fc.asyncProperty(drawHistory(operation), async ({ parts }) => {
          const world = makeWorld(nextPlace(), template);
          const detector = createDetector({ path: world.root, settleMs: 1 });
          const done: Drawn[] = [];
          for (const drawn of parts.flat()) {
            done.push(drawn);
            await tell(done, async () => {
              apply(world, drawn);
              expect((done.length % 2 === 0 ? detector.checkSync() : await detector.check()).verdict).toBe('current');
            });
          }
        }),
      );
    },
    TIMEOUT_MS,
  );
});
