import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createDetector } from '../../src/change/detector.ts';
import { isDistprintError } from '../../src/errors.ts';
import { buildManifestSync } from '../../src/manifest/build.ts';
import { parseManifest, serializeManifest } from '../../src/manifest/manifest.ts';
import { errorOf, fingerprintOf } from '../helpers/manifest.ts';
import { makeDirectory, makePackage, makeTemp, writeTree } from '../helpers/temp.ts';
import { settled } from '../helpers/wait.ts';

const files = { 'dist/a.js': 'alpha', 'dist/b.js': 'beta', 'dist/c.js': 'gamma' };

describe('the verdict', () => {
  it('is current as long as nothing but timestamps moves', async () => {
    const root = makePackage(files);
    const detector = createDetector({ path: root });
    const { fingerprint } = detector.baseline;
    for (let beat = 0; beat < 3; beat++) {
      expect(await detector.check()).toMatchObject({ verdict: 'current', fingerprint });
      for (const path of Object.keys(files)) utimesSync(join(root, path), beat, beat);
      writeFileSync(join(root, 'dist/a.js'), 'alpha');
    }
    expect(detector.checkSync()).toMatchObject({ verdict: 'current', fingerprint });
  });

  it('is changed once all is settled, and says what changed and which versions', async () => {
    const root = makePackage(files);
    const detector = createDetector({ path: root, settleMs: 300 });
    rmSync(join(root, 'dist/b.js'));
    writeTree(root, { 'dist/a.js': 'ALPHA', 'dist/n.js': 'new', 'package.json': { version: '2.0.0' } });
    expect(detector.checkSync()).toMatchObject({ verdict: 'settling', fingerprint: fingerprintOf(root) });
    const { reason, ...check } = await settled(detector);
    expect(check).toMatchObject({
      verdict: 'changed',
      fingerprint: fingerprintOf(root),
      versions: { started: '1.2.3', installed: '2.0.0' },
      changes: {
        version: { from: '1.2.3', to: '2.0.0' },
        added: ['dist/n.js'],
        removed: ['dist/b.js'],
        changed: ['dist/a.js'],
      },
    });
    expect(reason).toBeUndefined();
    expect(await detector.check()).toMatchObject({ verdict: 'changed' });
  });

  it('is current again, at once, when the baseline is back', async () => {
    const root = makePackage(files);
    const detector = createDetector({ path: root, settleMs: 1 });
    writeFileSync(join(root, 'dist/a.js'), 'ALPHA');
    expect((await settled(detector)).verdict).toBe('changed');
    writeFileSync(join(root, 'dist/a.js'), 'alpha');
    expect(detector.checkSync().verdict).toBe('current');
    rmSync(root, { recursive: true });
    expect(detector.checkSync().verdict).toBe('missing');
    writeTree(root, { 'package.json': { version: '1.2.3' }, ...files });
    expect(detector.checkSync().verdict).toBe('current');
  });

  it('is missing, with a reason, while nothing is there, and changed when something else has come and settled', async () => {
    const root = makePackage(files);
    const detector = createDetector({ path: root, settleMs: 200 });
    rmSync(root, { recursive: true });
    for (const check of [detector.checkSync(), await detector.check()]) {
      expect(check).toMatchObject({ verdict: 'missing', fingerprint: null, reason: expect.stringContaining(root) });
    }
    writeTree(root, { 'package.json': { version: '2.0.0' }, 'dist/a.js': '2' });
    expect(detector.checkSync().verdict).toBe('settling');
    expect((await settled(detector)).verdict).toBe('changed');
  });

  it('is missing for a package without its package.json: it does not become a plain directory', async () => {
    const root = makePackage(files);
    const detector = createDetector({ path: root, settleMs: 1 });
    rmSync(join(root, 'package.json'));
    expect(detector.checkSync()).toMatchObject({ verdict: 'missing', fingerprint: null });
    expect(await settled(detector)).toMatchObject({ verdict: 'missing' });
  });

  it('is missing for an executable in whose place a directory is, and the other way round', async () => {
    const root = makeDirectory({ tool: 'ELF', 'd/a': '' });
    const executable = createDetector({ path: join(root, 'tool'), settleMs: 1 });
    const directory = createDetector({ path: join(root, 'd'), settleMs: 1 });
    for (const name of ['tool', 'd']) rmSync(join(root, name), { recursive: true });
    mkdirSync(join(root, 'tool'));
    writeFileSync(join(root, 'd'), '');
    expect((await settled(executable)).verdict).toBe('missing');
    expect((await settled(directory)).verdict).toBe('missing');
  });

  it('is settling, with the reason, for a package.json that is half written', async () => {
    const root = makePackage(files);
    const detector = createDetector({ path: root, settleMs: 1 });
    for (const half of ['', '{"name": "exam', '[]', '{"version": 1}']) {
      writeFileSync(join(root, 'package.json'), half);
      const check = detector.checkSync();
      expect(check).toMatchObject({
        verdict: 'settling',
        fingerprint: null,
        reason: expect.stringContaining('package.json'),
      });
      expect(check.retryInMs).toBeGreaterThan(0);
      expect((await detector.check()).verdict).toBe('settling');
    }
    writeTree(root, { 'package.json': { version: '1.2.3' } });
    expect(detector.checkSync().verdict).toBe('current');
  });
});

describe('the baseline', () => {
  it('never changes, whatever is found later', async () => {
    const root = makePackage(files);
    const detector = createDetector({ path: root, settleMs: 1 });
    const before = structuredClone(detector.baseline);
    writeTree(root, { 'dist/a.js': '2', 'package.json': { version: '2.0.0' } });
    await settled(detector);
    writeTree(root, { 'dist/a.js': '3', 'package.json': { version: '3.0.0' } });
    expect(await settled(detector)).toMatchObject({ versions: { started: '1.2.3', installed: '3.0.0' } });
    expect(detector.baseline).toEqual(before);
    expect(before).toMatchObject({ name: 'example', version: '1.2.3', fingerprint: before.fingerprint, bytes: 14 });
  });

  it('may be a manifest of the build: what is installed is held against that, from the first check on', async () => {
    const root = makePackage(files);
    const baseline = parseManifest(serializeManifest(buildManifestSync(root)));
    expect(createDetector({ path: root, baseline }).checkSync().verdict).toBe('current');
    writeFileSync(join(root, 'dist/a.js'), 'ALPHA');
    const detector = createDetector({ path: root, baseline, settleMs: 1 });
    expect(await settled(detector)).toMatchObject({ verdict: 'changed', changes: { changed: ['dist/a.js'] } });
    expect(detector.baseline).toBe(baseline);
  });

  it('may be a manifest of what is not installed yet', async () => {
    const root = makePackage(files);
    const baseline = buildManifestSync(root);
    const elsewhere = join(makeTemp(), 'root');
    const detector = createDetector({ path: elsewhere, baseline });
    expect((await detector.check()).verdict).toBe('missing');
    writeTree(elsewhere, { 'package.json': { version: '1.2.3' }, ...files });
    expect((await detector.check()).verdict).toBe('current');
  });

  it('says what is covered where it is given', async () => {
    const root = makePackage(files);
    const detector = createDetector({ path: root, baseline: buildManifestSync(root, { exclude: ['dist/b.js'] }) });
    writeFileSync(join(root, 'dist/b.js'), 'anything');
    expect((await detector.check()).verdict).toBe('current');
  });

  it('cannot be taken where nothing is: that is an error, at once', async () => {
    const path = join(makeTemp(), 'none');
    expect(isDistprintError(await errorOf(() => createDetector({ path })), 'ERR_DISTPRINT_NOT_FOUND')).toBe(true);
  });
});

describe('check and checkSync', () => {
  it('give equal answers through a whole upgrade', async () => {
    const root = makePackage(files);
    const one = createDetector({ path: root, settleMs: 60_000 });
    const other = createDetector({ path: root, settleMs: 60_000 });
    const steps = [
      () => {},
      () => writeFileSync(join(root, 'dist/a.js'), 'ALPHA'),
      () => rmSync(join(root, 'package.json')),
      () => writeFileSync(join(root, 'package.json'), '{'),
      () => writeTree(root, { 'package.json': { version: '1.2.3' }, 'dist/a.js': 'alpha' }),
    ];
    const verdicts: string[] = [];
    for (const step of steps) {
      step();
      const { retryInMs, reason, ...sync } = one.checkSync();
      const { retryInMs: _, reason: __, ...async } = await other.check();
      expect(async).toEqual(sync);
      verdicts.push(sync.verdict);
    }
    expect(verdicts).toEqual(['current', 'settling', 'missing', 'settling', 'current']);
  });

  it('calls of check that overlap share one look; the next one looks anew', async () => {
    const detector = createDetector({ path: makePackage(files) });
    const first = detector.check();
    expect(detector.check()).toBe(first);
    const [a, b] = await Promise.all([first, detector.check()]);
    expect(a).toBe(b);
    expect(await detector.check()).not.toBe(a);
  });
});
