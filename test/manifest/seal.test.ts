import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createDetector } from '../../src/change/detector.ts';
import { parseManifest } from '../../src/manifest/manifest.ts';
import { writeSeal } from '../../src/manifest/seal.ts';
import { distprint } from '../helpers/cli.ts';
import { errorOf, fingerprintOf, pathsOf } from '../helpers/manifest.ts';
import { makeDirectory, makePackage, makeTemp, writeTree } from '../helpers/temp.ts';
import { sleep } from '../helpers/wait.ts';

const SEAL = '.distprint-seal';
const old = { 'dist/a.js': 'alpha', 'dist/b.js': 'beta' };
const next = { 'package.json': { version: '2.0.0' }, 'dist/a.js': 'ALPHA', 'dist/b.js': 'BETA', 'dist/c.js': 'GAMMA' };

/** What a build of the next release packs: its files, and the seal that it wrote. */
async function packNext(): Promise<{ seal: string }> {
  const build = makePackage(next);
  const { file } = await writeSeal(build);
  return { seal: readFileSync(file, 'utf8') };
}

describe('a seal', () => {
  it.each([
    ['in dist where there is one', () => makePackage(old), `dist/${SEAL}`],
    ['at the root where there is no dist', () => makePackage({ 'a.js': 'alpha' }), SEAL],
    ['at the root of a plain directory', () => makeDirectory({ a: 'alpha' }), SEAL],
  ])('lies %s, is the manifest, and is no part of it', async (_, make, place) => {
    const root = make();
    const before = fingerprintOf(root);
    const { file, manifest } = await writeSeal(root);
    expect(file).toBe(join(root, place));
    expect(manifest.fingerprint).toBe(before);
    expect(parseManifest(readFileSync(file, 'utf8')).fingerprint).toBe(before);
    expect(fingerprintOf(root)).toBe(before);
    expect(pathsOf(root).filter((path) => path.includes('seal'))).toEqual([]);
    expect((await writeSeal(root)).manifest.fingerprint).toBe(before);
  });

  it('is written by the command line, which prints the fingerprint and where it lies', async () => {
    const root = makePackage(old);
    const { code, stdout, stderr } = await distprint(['seal', root]);
    const seal = join(root, 'dist', SEAL);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${fingerprintOf(root)}  ${seal}\n`, stderr: '' });
    expect(parseManifest(readFileSync(seal, 'utf8')).entries).toHaveLength(2);
  });

  it('is refused for an executable and for nothing, and nothing is left behind', async () => {
    const path = join(makeDirectory({ tool: 'ELF' }), 'tool');
    expect(await errorOf(() => writeSeal(path))).toMatchObject({ code: 'ERR_DISTPRINT_OPTION', path });
    expect((await distprint(['seal', path])).code).toBe(2);
    const none = join(makeTemp(), 'none');
    expect(await errorOf(() => writeSeal(none))).toMatchObject({ code: 'ERR_DISTPRINT_NOT_FOUND' });
    expect(existsSync(none)).toBe(false);
  });

  it('whose lines git ended with CRLF is the same, and a tree that it does not fit is still not whole', async () => {
    const root = makePackage(old);
    const { file } = await writeSeal(root);
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll('\n', '\r\n'));
    const detector = createDetector({ path: root, settleMs: 1 });
    writeFileSync(join(root, 'dist/a.js'), 'ALPHA');
    await sleep(50);
    const check = await detector.check();
    expect(check).toMatchObject({ verdict: 'settling', reason: expect.stringContaining('seal') });
  });

  it('of the same content, written anew or gone, leaves a tree current', async () => {
    const root = makePackage(old);
    const detector = createDetector({ path: root });
    const { file } = await writeSeal(root);
    expect(detector.checkSync().verdict).toBe('current');
    writeFileSync(file, 'distprint mani');
    expect(detector.checkSync().verdict).toBe('current');
    rmSync(file);
    expect(detector.checkSync().verdict).toBe('current');
  });
});

describe('a sealed tree', () => {
  it('that matches its seal is changed at once, however long settleMs is', async () => {
    const { seal } = await packNext();
    const root = makePackage(old);
    const detector = createDetector({ path: root, settleMs: 60_000 });
    writeTree(root, { ...next, [`dist/${SEAL}`]: seal });
    expect(detector.checkSync()).toMatchObject({
      verdict: 'changed',
      versions: { started: '1.2.3', installed: '2.0.0' },
      changes: { added: ['dist/c.js'], removed: [], changed: ['dist/a.js', 'dist/b.js'] },
    });
    expect(await createDetector({ path: root, baseline: detector.baseline }).check()).toMatchObject({
      verdict: 'changed',
    });
  });

  it('that is torn is never changed, however long it is quiet, until its last file comes', async () => {
    const { seal } = await packNext();
    const root = makePackage(old);
    const detector = createDetector({ path: root, settleMs: 1 });
    const order = [`dist/${SEAL}`, 'package.json', 'dist/c.js', 'dist/a.js'] as const;
    for (const path of order) {
      writeTree(root, { [path]: path === `dist/${SEAL}` ? seal : next[path as keyof typeof next] });
      for (let i = 0; i < 10; i++) {
        await sleep(5);
        const { verdict, reason } = i % 2 === 0 ? detector.checkSync() : await detector.check();
        if (path === `dist/${SEAL}`) expect(verdict).toBe('current');
        else expect({ verdict, reason }).toEqual({ verdict: 'settling', reason: expect.stringContaining('seal') });
      }
    }
    writeTree(root, { 'dist/b.js': next['dist/b.js'] });
    expect(detector.checkSync().verdict).toBe('changed');
  });

  it('whose seal is cut off, empty, altered or of another format is settling, and says so', async () => {
    const { seal } = await packNext();
    const root = makePackage(old);
    const detector = createDetector({ path: root, settleMs: 1 });
    writeTree(root, next);
    const cuts = Array.from({ length: 20 }, (_, i) => seal.slice(0, Math.floor((seal.length * i) / 20)));
    const others = [
      seal.replace('dist/a.js', 'dist/z.js'),
      seal.replace('manifest 1', 'manifest 2'),
      seal.slice(0, -1),
    ];
    for (const damaged of [...cuts, ...others]) {
      writeTree(root, { [`dist/${SEAL}`]: damaged });
      await sleep(20); // longer than settleMs
      const check = await detector.check();
      expect(check).toMatchObject({ verdict: 'settling', reason: expect.stringContaining('seal is not whole') });
    }
    writeTree(root, { [`dist/${SEAL}`]: seal });
    expect(detector.checkSync().verdict).toBe('changed');
  });

  it('whose seal cannot be read is settling', async () => {
    const root = makePackage(old);
    const detector = createDetector({ path: root, settleMs: 1 });
    writeTree(root, next);
    mkdirSync(join(root, 'dist', SEAL));
    await sleep(20);
    expect((await detector.check()).verdict).toBe('settling');
    rmSync(join(root, 'dist', SEAL), { recursive: true });
  });

  it('that was edited after it was sealed is settling, and says that a rebuild may have left the seal behind', async () => {
    const root = makePackage(old);
    await writeSeal(root);
    const detector = createDetector({ path: root, settleMs: 1 });
    writeTree(root, { 'dist/a.js': 'ALPHA' });
    await sleep(20);
    expect(await detector.check()).toMatchObject({
      verdict: 'settling',
      reason: expect.stringContaining('1 file differs'),
    });
    await writeSeal(root);
    expect((await detector.check()).verdict).toBe('changed');
  });

  it('may be sealed with globs of its own, and is then changed once what they cover matches', async () => {
    const build = makePackage({ ...next, 'lib/x.js': 'x' });
    const { file } = await writeSeal(build, { include: ['dist', 'lib'] });
    const root = makePackage(old);
    const detector = createDetector({ path: root, settleMs: 1 });
    writeTree(root, { ...next, [`dist/${SEAL}`]: readFileSync(file, 'utf8') });
    await sleep(20);
    expect((await detector.check()).verdict).toBe('settling');
    writeTree(root, { 'lib/x.js': 'x' });
    expect((await detector.check()).verdict).toBe('changed');
  });

  it('that goes back to the baseline is current, whatever its seal says', async () => {
    const { seal } = await packNext();
    const root = makePackage(old);
    const detector = createDetector({ path: root, settleMs: 1 });
    writeTree(root, { ...next, [`dist/${SEAL}`]: seal });
    expect(detector.checkSync().verdict).toBe('changed');
    rmSync(join(root, 'dist/c.js'));
    writeTree(root, { ...old, 'package.json': { version: '1.2.3' } });
    expect(detector.checkSync().verdict).toBe('current');
  });
});
