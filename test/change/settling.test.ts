import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createDetector } from '../../src/change/detector.ts';
import { buildManifestSync } from '../../src/manifest/build.ts';
import { itWithLinks } from '../helpers/links.ts';
import { makePackage, makeTemp, writeTree } from '../helpers/temp.ts';
import { makeSharedTemp, npmRetired, writePackage } from '../helpers/tree.ts';
import { settled, sleep } from '../helpers/wait.ts';

const files = { 'dist/a.js': 'alpha', 'dist/b.js': 'beta' };
const SETTLE_MS = 300;
/** By so much the kernel's stamps of files lag behind the clock. */
const TICK_MS = 10;

describe('what is new', () => {
  it('is settling until it has been quiet for settleMs, and says when to look again', async () => {
    const root = makePackage(files);
    const detector = createDetector({ path: root, settleMs: SETTLE_MS });
    writeFileSync(join(root, 'dist/a.js'), 'ALPHA');
    const writtenMs = performance.now();
    const check = detector.checkSync();
    expect(check).toMatchObject({ verdict: 'settling', reason: expect.stringContaining(`${SETTLE_MS} ms`) });
    expect(check.retryInMs).toBeGreaterThan(0);
    expect(check.retryInMs).toBeLessThanOrEqual(SETTLE_MS + TICK_MS);
    expect((await settled(detector)).verdict).toBe('changed');
    expect(performance.now() - writtenMs).toBeGreaterThanOrEqual(SETTLE_MS - TICK_MS);
  });

  it('is settled when it was looked at for the first time long after it came', async () => {
    const root = makePackage(files);
    const detector = createDetector({ path: root, settleMs: SETTLE_MS });
    writeFileSync(join(root, 'dist/a.js'), 'ALPHA');
    await sleep(SETTLE_MS + TICK_MS);
    expect((await detector.check()).verdict).toBe('changed');
  });

  it('is settling as long as it keeps moving, be it to the same content', async () => {
    const root = makePackage(files);
    const detector = createDetector({ path: root, settleMs: 5_000 });
    for (let i = 0; i < 30; i++) {
      writeFileSync(join(root, 'dist/a.js'), i < 15 ? `${i}` : 'ALPHA');
      expect((i % 2 === 0 ? detector.checkSync() : await detector.check()).verdict).toBe('settling');
      await sleep(5);
    }
  });

  itWithLinks('is settled in the end where `dist` has become a link that leads to itself', async () => {
    const root = makePackage(files);
    const detector = createDetector({ path: root, settleMs: SETTLE_MS });
    rmSync(join(root, 'dist'), { recursive: true });
    symlinkSync('dist', join(root, 'dist'));
    expect((await settled(detector)).verdict).toBe('changed');
  });

  it('must settle anew after it was away', async () => {
    const root = makePackage(files);
    const detector = createDetector({ path: root, settleMs: SETTLE_MS });
    writeFileSync(join(root, 'dist/a.js'), 'ALPHA');
    expect((await settled(detector)).verdict).toBe('changed');
    const away = `${root}.away`;
    renameSync(root, away);
    expect(detector.checkSync().verdict).toBe('missing');
    writePackage(root, { 'dist/a.js': 'torn' });
    expect(detector.checkSync().verdict).toBe('settling');
  });
});

describe('a package that npm has moved aside, still beside it,', () => {
  it.each([
    ['the package', 'node_modules', 'example'],
    ['a scoped package', 'node_modules/@scope', 'example'],
  ])('keeps %s settling however quiet it is, until it is removed', async (_, place, name) => {
    const modules = join(makeTemp(), place);
    const root = writePackage(join(modules, name), files);
    const detector = createDetector({ path: root, settleMs: 1 });
    mkdirSync(npmRetired(modules, name));
    expect(detector.checkSync().verdict).toBe('current');
    writeFileSync(join(root, 'dist/a.js'), 'ALPHA');
    for (let i = 0; i < 30; i++) {
      const reason = expect.stringContaining(npmRetired(modules, name));
      expect(await detector.check()).toMatchObject({ verdict: 'settling', reason });
      await sleep(5);
    }
    rmSync(npmRetired(modules, name), { recursive: true });
    expect((await settled(detector)).verdict).toBe('changed');
  });

  it('keeps a package that is nested in it settling', async () => {
    const modules = join(makeTemp(), 'lib/node_modules');
    const root = writePackage(join(modules, 'host/node_modules/@scope/example'), files);
    const detector = createDetector({ path: root, settleMs: 1 });
    mkdirSync(npmRetired(modules, 'host'));
    writeFileSync(join(root, 'dist/a.js'), 'ALPHA');
    await sleep(50);
    expect((await detector.check()).verdict).toBe('settling');
    rmSync(npmRetired(modules, 'host'), { recursive: true });
    expect((await settled(detector)).verdict).toBe('changed');
  });

  it.each([
    ['of another package', 'node_modules', '.other-q0Zx91Kb'],
    ['of a package with a longer name', 'node_modules', '.example-kit-q0Zx91Kb'],
    ['of a name that npm does not give', 'node_modules', '.example-q0Zx91K'],
    ['outside of any node_modules', 'packages', '.example-q0Zx91Kb'],
  ])('is told from a folder %s', async (_, place, folder) => {
    const modules = join(makeTemp(), place);
    const root = writePackage(join(modules, 'example'), files);
    const detector = createDetector({ path: root, settleMs: 1 });
    mkdirSync(join(modules, folder));
    writeFileSync(join(root, 'dist/a.js'), 'ALPHA');
    expect((await settled(detector)).verdict).toBe('changed');
  });
});

describe('a package that lacks a file which its package.json names', () => {
  const settleMs = 100;
  const quiet = () => sleep(3 * settleMs);
  const ofVersion = (version: string, fields: object = {}) => ({
    'package.json': { name: 'example', version, ...fields },
  });
  const settling = (lacking: RegExp) => ({ verdict: 'settling', reason: expect.stringMatching(lacking) });

  it.each<[string, object]>([
    ['bin', { bin: 'dist/a.js' }],
    ['bin, by name', { bin: { a: './dist/a.js' } }],
    ['bin, as npm reads it', { bin: '..\\dist\\a.js' }],
    ['main', { main: 'dist/a.js' }],
    ['exports', { exports: './dist/a.js' }],
    ['exports, by path', { exports: { '.': { default: './dist/b.js' }, './a': './dist/a.js' } }],
    ...['node', 'bun', 'import', 'require', 'module-sync', 'node-addons', 'default'].map(
      (condition): [string, object] => [
        `exports, by the condition ${condition}`,
        { exports: { [condition]: './dist/a.js' } },
      ],
    ),
  ])('(%s) is settling well beyond settleMs, as while a build has emptied `dist`', async (_, fields) => {
    const root = makePackage({ ...ofVersion('1.2.3', fields), ...files, 'src/a.ts': 'alpha' });
    const detector = createDetector({ path: root, settleMs });
    for (const emptied of ['dist/a.js', 'dist']) {
      rmSync(join(root, emptied), { recursive: true });
      await quiet();
      const check = await detector.check();
      expect(check).toMatchObject(settling(/names dist\/[ab]\.js, which is not there/));
      expect(check.retryInMs).toBeLessThanOrEqual(settleMs);
    }
    writeTree(root, files);
    expect(detector.checkSync().verdict).toBe('current');
    writeTree(root, { 'dist/a.js': 'ALPHA' });
    await quiet();
    expect(detector.checkSync()).toMatchObject({ verdict: 'changed', changes: { changed: ['dist/a.js'] } });
  });

  it.each(['dist/a.js', 'dist'])(
    'names no entry point at all, and %s is removed: settling likewise',
    async (removed) => {
      const root = makePackage({ ...ofVersion('1.2.3'), 'dist/a.js': 'alpha', 'src/a.ts': 'alpha' });
      const detector = createDetector({ path: root, settleMs });
      rmSync(join(root, removed), { recursive: true });
      await quiet();
      expect(await detector.check()).toMatchObject(settling(/dist is empty or gone; quiet for/));
      writeTree(root, { 'dist/b.js': 'beta' });
      await quiet();
      expect(detector.checkSync().verdict).toBe('changed');
    },
  );

  it('is so too for a detector that knows what started from a manifest', async () => {
    const root = makePackage({ ...ofVersion('1.2.3', { bin: 'dist/a.js' }), ...files });
    const baseline = buildManifestSync(root);
    rmSync(join(root, 'dist/a.js'));
    await quiet();
    expect(await createDetector({ path: root, baseline, settleMs }).check()).toMatchObject(
      settling(/names dist\/a\.js/),
    );
  });

  it.each([
    ['was never there', { 'dist/none': 'no file' }],
    ['has a directory in its place', { 'dist/none.js/a.js': 'alpha' }],
  ])(
    'in a new version, where it %s, is settling likewise, and changed at last, should it be published so',
    async (_, tree) => {
      const root = makePackage({ ...ofVersion('1.2.3'), ...files });
      const detector = createDetector({ path: root, settleMs });
      writeTree(root, {
        ...tree,
        'package.json': `\ufeff${JSON.stringify({ version: '2.0.0', bin: 'dist/none.js' })}`,
      });
      const writtenMs = performance.now();
      await quiet();
      expect(await detector.check()).toMatchObject(settling(/names dist\/none\.js/));
      expect((await settled(detector)).verdict).toBe('changed');
      const tookMs = performance.now() - writtenMs;
      expect(tookMs).toBeGreaterThanOrEqual(30 * settleMs - TICK_MS);
      expect(tookMs).toBeLessThan(60 * settleMs);
    },
  );

  it('in the version that started, and never had it, is settled after settleMs: it runs from its sources', async () => {
    const root = makePackage({ ...ofVersion('1.2.3', { main: 'dist/none.js' }), ...files });
    const detector = createDetector({ path: root, settleMs });
    writeFileSync(join(root, 'dist/a.js'), 'ALPHA');
    await quiet();
    expect(detector.checkSync().verdict).toBe('changed');
  });

  it.each<[string, string | object, string?]>([
    ['a pattern', { exports: { './*': './lib/*.js' } }],
    ['a folder', { exports: { './': './lib/' } }],
    ['types', { exports: { types: './dist/a.d.ts', default: './dist/a.js' } }],
    ['a condition of some tool', { exports: { '.': { source: './lib/a.ts', default: './dist/a.js' } } }],
    ['the first of a choice', { exports: [{ import: './lib/a.mjs' }, './dist/a.js'] }],
    [
      'deeper than can be followed',
      `{"version": "2.0.0", "exports": ${'{".": '.repeat(20_000)}"./lib/a.js"${'}'.repeat(20_000)}}`,
    ],
    ['a `main` beside `exports`, which Node does not look at', { main: './lib/a.js', exports: './dist/a.js' }],
    ['what is no path', { main: 1, bin: { a: null, b: '' }, exports: { '.': null } }],
    ['an empty `main`', { main: '' }],
    ...['x', 'x.js', 'x.json', 'x.node', 'x/index.js', 'x/index.json', 'x/index.node'].map(
      (file): [string, object, string] => [
        `a \`main\` that Node completes to ${file}`,
        { main: './dist/x' },
        `dist/${file}`,
      ],
    ),
  ])('is settled after settleMs where that is only %s', async (_, fields, file = 'dist/x') => {
    const root = makePackage({ ...ofVersion('1.2.3'), ...files });
    const detector = createDetector({ path: root, settleMs });
    const packageJson = typeof fields === 'string' ? fields : { version: '2.0.0', ...fields };
    writeTree(root, { [file]: 'index', 'package.json': packageJson });
    await quiet();
    expect(detector.checkSync().verdict).toBe('changed');
  });
});

describe('a link swapped to a tree', () => {
  const temp = makeSharedTemp();
  /** Old enough to look quiet by their own timestamps alone. */
  for (const name of ['direct', 'above']) {
    for (const release of ['1', '2']) writePackage(join(temp, name, release, 'pkg'), { 'dist/a.js': release });
  }
  beforeAll(() => sleep(2 * SETTLE_MS));
  afterEach(() => void vi.restoreAllMocks());

  itWithLinks.each([
    ['itself', 'direct', 'current', '1/pkg', '2/pkg'],
    ['above it', 'above', 'current/pkg', '1', '2'],
  ])('that is old is settling until it was watched for settleMs: the link %s', async (_, name, path, one, two) => {
    const link = join(temp, name, 'current');
    symlinkSync(one, link);
    await sleep(SETTLE_MS);
    const detector = createDetector({ path: join(temp, name, path), settleMs: SETTLE_MS });
    expect(detector.checkSync().verdict).toBe('current');
    const swappedMs = performance.now();
    symlinkSync(two, `${link}.new`);
    renameSync(`${link}.new`, link);
    expect(detector.checkSync().verdict).toBe('settling');
    expect(await settled(detector)).toMatchObject({ verdict: 'changed', changes: { changed: ['dist/a.js'] } });
    expect(performance.now() - swappedMs).toBeGreaterThanOrEqual(SETTLE_MS - TICK_MS);
    unlinkSync(link);
    symlinkSync(one, link);
    expect(detector.checkSync().verdict).toBe('current');
  });
});

describe('where the clock of the process is not that of the disk', () => {
  afterEach(() => void vi.restoreAllMocks());
  const { now } = Date;
  /** Date.now() as a clock shows it that is off by so much. */
  const setClock = (offMs: number) => void vi.spyOn(Date, 'now').mockImplementation(() => now() + offMs);
  const HOUR_MS = 3_600_000;

  it('an hour behind: what is new settles by being watched', async () => {
    setClock(-HOUR_MS);
    const root = makePackage(files);
    const detector = createDetector({ path: root, settleMs: SETTLE_MS });
    writeFileSync(join(root, 'dist/a.js'), 'ALPHA');
    expect(detector.checkSync().verdict).toBe('settling');
    expect((await settled(detector)).verdict).toBe('changed');
  });

  it.each([
    ['an hour ahead', HOUR_MS, 0],
    ['ahead since the last look, as when a laptop slept in the midst of an install', 0, HOUR_MS],
    ['behind since the last look', 0, -HOUR_MS],
  ])('%s: what is torn does not look quiet at once', async (_, beforeMs, afterMs) => {
    setClock(beforeMs);
    const root = makePackage(files);
    const detector = createDetector({ path: root, settleMs: SETTLE_MS });
    detector.checkSync();
    writeTree(root, { 'dist/a.js': 'torn' });
    setClock(afterMs === 0 ? beforeMs : afterMs);
    expect(detector.checkSync().verdict).toBe('settling');
    expect((await settled(detector)).verdict).toBe('changed');
  });
});
